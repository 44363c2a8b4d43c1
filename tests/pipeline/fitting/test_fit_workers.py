"""A fit on workers gives the bytes of a fit in one process, and its cost is foretold before any work."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.annotated import annotate
from helpers.building import build_here, random_proteins, write_fasta
from helpers.command_line import Run
from helpers.contact_oracles import add_coordinates, folded
from helpers.fit_case import StopPass, start_silently
from helpers.fit_oracle import fit_in_one_piece, make_task
from hypothesis import example, given, settings
from hypothesis import strategies as st

from attlas.pipeline.fitting import fold_shards
from attlas.pipeline.fitting.cost import predict_fit_cost
from attlas.pipeline.fitting.fitting import fit_atlas
from attlas.pipeline.fitting.fold_shards import cut_fold_shards
from attlas.pipeline.fitting.inputs import Shape
from attlas.pipeline.fitting.letters import WINDOW_COLUMNS
from attlas.pipeline.fitting.memory import predict_set_bytes
from attlas.pipeline.fitting.passes import name_input, save_inputs, sum_features
from attlas.pipeline.fitting.saved_arrays import SavedArrays
from attlas.pipeline.fitting.settings import FitSettings
from attlas.pipeline.fitting.task_arrays import read_task
from attlas.pipeline.model.files import ModelShape
from attlas.pipeline.plan import SMALLEST_SHARD_RESIDUES, TYPICAL_LENGTH, predict_cost
from attlas.pipeline.workers.runners import load_plan_and_model
from attlas.schema import AtlasPaths

N_PROTEINS, N_FOLDS = 16, 3
SHAPE = Shape(n_layers=2, n_heads=4, width=32)
SETTINGS = FitSettings(labels=("Active site", "Motif"), by="none", n_folds=N_FOLDS)
MODEL = ModelShape("esm", 6, 20, 320, 1280, None, 1 << 25)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, tiny_esm: Path) -> Path:
    """Return an atlas of a tiny model with a type of features on all proteins, another on half, and structures."""
    folder = tmp_path_factory.mktemp("fit-workers")
    proteins = random_proteins([40 + i for i in range(N_PROTEINS)], seed=11)
    root = folder / "atlas"
    build_here(write_fasta(folder / "proteins.fasta", proteins), root, tiny_esm)
    sites = [
        (accession, "Active site", at, at)
        for accession, sequence in proteins.items()
        for at, letter in enumerate(sequence, start=1)
        if letter in "HC"
    ]
    annotate(root, [*sites, *((accession, "Motif", 4, 15) for accession in list(proteins)[::2])])
    chains = {
        (accession, "made.cif", "A"): folded(len(proteins[accession]), seed, step=1.6)
        for seed, accession in zip((1, 2, 4, 6, 8, 9, 11), proteins, strict=False)
    }
    add_coordinates(root, chains)
    return root


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut each fold into shards of a few proteins."""
    monkeypatch.setattr(fold_shards, "SMALLEST_SHARD_RESIDUES", {"cpu": 1})


@pytest.mark.thorough
def test_sums_of_several_shards_are_those_of_a_fold_at_once(root: Path, small_shards: None, tmp_path: Path) -> None:
    task = make_task(root, SETTINGS)
    _, plan, encoder = load_plan_and_model(str(root), 1)
    shards = cut_fold_shards(task.lengths, task.folds, MODEL, device="cpu", sum_bytes=1, predict_bytes=lambda places: 1)
    assert len(shards.of_fold(0)) > 2
    saved = SavedArrays(tmp_path)
    save_inputs(saved, task, shards)

    for fold in range(N_FOLDS):
        places = slice(*np.searchsorted(task.folds, (fold, fold + 1)).tolist())
        whole = sum_features(encoder, task.select(places), SHAPE, pack_tokens=plan.pack_tokens)
        parts = []
        for shard in shards.of_fold(fold):
            with saved.open(name_input(shard.index)) as read:
                part = read_task(read)
            assert part.folds.tolist() == [fold] * shard.n_sequences
            parts.append(sum_features(encoder, part, SHAPE, pack_tokens=plan.pack_tokens))
        for place, of_set in enumerate(whole):
            added = [part[place].to_arrays(prefix="") for part in parts]
            for name, array in of_set.to_arrays(prefix="").items():
                # The model's own float32 depends on what a pack holds, by some 1e-7 of a hidden state.
                total = sum(arrays[name] for arrays in added)
                np.testing.assert_allclose(total, array, rtol=1e-5, atol=1e-4, err_msg=name)
            assert sum(int(arrays["n"]) for arrays in added) == of_set.n > 0


@pytest.mark.thorough
def test_rows_are_those_of_a_fit_that_saves_nothing(root: Path) -> None:
    task = make_task(root, SETTINGS)
    _, plan, encoder = load_plan_and_model(str(root), 1)
    probes, _ = fit_in_one_piece(encoder, task, SHAPE, pack_tokens=plan.pack_tokens)
    rows = fit_atlas(root, SETTINGS, start=start_silently, n_workers=0).table.to_pylist()
    penalties = {(row["label"], row["input"], row["layer"]): row["penalty"] for row in rows}
    for place, label in enumerate(("Active site", "Motif")):
        for source, folds in probes[place].items():
            expected = np.median([fold.outer.penalties[0] for fold in folds])
            layer = -1 if source.layer is None else source.layer
            assert penalties[label, source.kind, layer] == pytest.approx(expected)


@pytest.mark.thorough
def test_two_workers_go_on_where_one_process_stopped_and_give_its_bytes(
    root: Path, small_shards: None, tmp_path: Path
) -> None:
    settings = replace(SETTINGS, has_random_weights=True)
    alone = fit_atlas(root, settings, start=start_silently, n_workers=0)

    # It begins in one process, is stopped among the scores of the first model, and goes on with two workers.
    copy = shutil.copytree(root, tmp_path / "atlas")
    with pytest.raises(KeyboardInterrupt):
        fit_atlas(copy, settings, start=StopPass("trained weights, scores"), n_workers=0)
    counting = StopPass("")
    assert fit_atlas(copy, settings, start=counting, n_workers=2).table.equals(alone.table, check_metadata=True)
    n_shards = len(predict_fit_cost(copy, settings, n_workers=0).prepared.residue_shards.shards)
    assert 2 * n_shards < counting.n_finished < 3 * n_shards


@pytest.mark.thorough
def test_two_workers_fit_contacts_to_the_bytes_of_one_process(root: Path, small_shards: None, tmp_path: Path) -> None:
    settings = replace(SETTINGS, labels=("contacts",))
    copy = shutil.copytree(root, tmp_path / "atlas")
    alone = fit_atlas(root, settings, start=start_silently, n_workers=0)
    assert fit_atlas(copy, settings, start=start_silently, n_workers=2).table.equals(alone.table, check_metadata=True)


@example(lengths=[[10], [10], [10, 652, 900]], sum_bytes=1 << 20)  # few residues, whose costs are of squares
@given(
    lengths=st.lists(st.lists(st.integers(10, 900), min_size=1, max_size=40), min_size=3, max_size=5),
    sum_bytes=st.sampled_from((1 << 20, 1 << 32)),
)
@settings(max_examples=40, deadline=None)
def test_shards_hold_every_sequence_of_one_fold_each_within_the_room_of_their_sums(
    lengths: list[list[int]], sum_bytes: int
) -> None:
    folds = np.repeat(np.arange(len(lengths)), [len(of_fold) for of_fold in lengths])
    flat = [length for of_fold in lengths for length in of_fold]
    shards = cut_fold_shards(
        flat, folds, MODEL, device="cpu", sum_bytes=sum_bytes, predict_bytes=lambda places: sum(flat[places])
    )
    covered = [place for shard in shards.shards for place in range(shard.first_sequence_id, shard.end_sequence_id)]
    assert covered == list(range(len(flat)))
    for shard, fold in zip(shards.shards, shards.folds, strict=True):
        assert set(folds[shard.first_sequence_id : shard.end_sequence_id].tolist()) == {fold}
        assert shard.n_residues == shard.predicted_bytes == sum(flat[shard.first_sequence_id : shard.end_sequence_id])
    most = max(1, fold_shards.MOST_SAVED_BYTES // (sum_bytes * len(lengths)))
    assert all(1 <= len(shards.of_fold(fold)) <= most for fold in range(len(lengths)))

    smallest = predict_cost(TYPICAL_LENGTH, MODEL) / TYPICAL_LENGTH * SMALLEST_SHARD_RESIDUES["cpu"]
    for fold in range(len(lengths)):
        of_fold = shards.of_fold(fold)
        assert len(of_fold) <= np.ceil(sum(shard.cost for shard in of_fold) / smallest)


def test_predicted_sums_are_the_published_numbers_of_650m() -> None:
    shape = Shape(33, 20, 1280)
    products = 8 * (33 * 1280**2 + 33 * 1280 * 660 + 660**2 + WINDOW_COLUMNS**2)
    assert products == pytest.approx(0.66e9, rel=0.01)
    assert products < predict_set_bytes(shape, 1) < 1.02 * products


def test_a_dry_run_tells_the_cost_and_writes_nothing(root: Path, attlas: Run) -> None:
    before = sorted(path for path in root.rglob("*"))
    options = ["--labels", "active site", "--labels", "contacts", "--by", "none", "--folds", 3, "--random-weights"]
    outcome = attlas("fit", root, *options, "--workers", 2, "--dry-run")
    assert outcome.code == 0, outcome.err
    lines = dict(line.split(maxsplit=1) for line in outcome.out.splitlines())
    assert lines["labels"] == "Active site, contacts"
    assert lines["proteins"].startswith("16 sequences; held out together: single sequences")
    assert lines["passes"].startswith("the model and one of random weights, twice over")
    assert "per worker (workers: 2)" in lines["memory"]
    assert sorted(path for path in root.rglob("*")) == before

    refused = attlas("fit", root, "--labels", "Knot", "--dry-run")
    assert (refused.code, "nothing of 1 of the labels" in refused.err) == (1, True)


@pytest.mark.thorough
def test_a_dry_run_does_without_torch(root: Path) -> None:
    code = (
        "import sys; from attlas.cli.main import main\n"
        "try: main()\nfinally: print(sorted({'torch', 'transformers'} & set(sys.modules)), file=sys.stderr)"
    )
    options = ["fit", str(root), "--labels", "contacts", "--labels", "Motif", "--by", "cluster40", "--folds", "3"]
    result = subprocess.run(
        [sys.executable, "-c", code, *options, "--dry-run"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr.splitlines()[-1] == "[]"


@pytest.mark.thorough
def test_what_is_saved_is_within_what_is_foretold(root: Path, small_shards: None, tmp_path: Path) -> None:
    copy = shutil.copytree(root, tmp_path / "atlas")
    sizes: list[int] = []

    class Measure(StopPass):
        def __call__(self, text: str) -> object:  # type: ignore[override]
            sizes.append(sum(path.stat().st_size for path in AtlasPaths(copy).parts.rglob("*.npz")))
            return super().__call__(text)

    cost = predict_fit_cost(copy, SETTINGS, n_workers=0)
    fit_atlas(copy, SETTINGS, start=Measure(""), n_workers=0)
    # Before the scores all sums and weights are there; a file has some lines of names.
    n_files = 3 * len(cost.prepared.residue_shards.shards)
    assert cost.disk_bytes / 20 < sizes[-1] < cost.disk_bytes + n_files * (30 << 10)
