"""A fit on workers gives the bytes of a fit in one process, and its cost is foretold before any work."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.annotated import annotate
from helpers.building import build_here, random_proteins, write_fasta
from helpers.command_line import Run
from helpers.contact_oracles import add_coordinates, folded
from helpers.fit_case import StopPass
from helpers.fit_oracle import fit_in_one_piece
from helpers.fits_here import fit_here, foretell_fit, load_model_of, prepare_targets

from attlas.pipeline.fitting.fold_shards import cut_fold_shards
from attlas.pipeline.fitting.inputs import Shape
from attlas.pipeline.fitting.passes import name_input, save_inputs, sum_features
from attlas.pipeline.fitting.saved_arrays import SavedArrays
from attlas.pipeline.fitting.task_arrays import read_task
from attlas.pipeline.model.files import ModelShape
from attlas.schema import AtlasPaths

N_PROTEINS, N_FOLDS = 16, 3
SHAPE = Shape(n_layers=2, n_heads=4, width=32)
SETTINGS = {"labels": ("Active site", "Motif"), "by": "none", "n_folds": N_FOLDS}
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
    monkeypatch.setattr("attlas.pipeline.fitting.fold_shards.SMALLEST_SHARD_RESIDUES", {"cpu": 1})


@pytest.mark.thorough
def test_sums_of_several_shards_are_those_of_a_fold_at_once(root: Path, small_shards: None, tmp_path: Path) -> None:
    task = prepare_targets(root, **SETTINGS)
    encoder, pack_tokens = load_model_of(root)
    shards = cut_fold_shards(task.lengths, task.folds, MODEL, device="cpu", sum_bytes=1, predict_bytes=lambda places: 1)
    assert len(shards.of_fold(0)) > 2
    saved = SavedArrays(tmp_path)
    save_inputs(saved, task, shards)

    for fold in range(N_FOLDS):
        places = slice(*np.searchsorted(task.folds, (fold, fold + 1)).tolist())
        whole = sum_features(encoder, task.select(places), SHAPE, pack_tokens=pack_tokens)
        parts = []
        for shard in shards.of_fold(fold):
            with saved.open(name_input(shard.index)) as read:
                part = read_task(read)
            assert part.folds.tolist() == [fold] * shard.n_sequences
            parts.append(sum_features(encoder, part, SHAPE, pack_tokens=pack_tokens))
        for place, of_set in enumerate(whole):
            added = [part[place].to_arrays(prefix="") for part in parts]
            for name, array in of_set.to_arrays(prefix="").items():
                # The model's own float32 depends on what a pack holds, by some 1e-7 of a hidden state.
                total = sum(arrays[name] for arrays in added)
                np.testing.assert_allclose(total, array, rtol=1e-5, atol=1e-4, err_msg=name)
            assert sum(int(arrays["n"]) for arrays in added) == of_set.n > 0


@pytest.mark.thorough
def test_rows_are_those_of_a_fit_that_saves_nothing(root: Path) -> None:
    task = prepare_targets(root, **SETTINGS)
    encoder, pack_tokens = load_model_of(root)
    probes, _ = fit_in_one_piece(encoder, task, SHAPE, pack_tokens=pack_tokens)
    rows = fit_here(root, **SETTINGS).table.to_pylist()
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
    settings = SETTINGS | {"has_random_weights": True}
    alone = fit_here(root, **settings)

    # It begins in one process, is stopped among the scores of the first model, and goes on with two workers.
    copy = shutil.copytree(root, tmp_path / "atlas")
    with pytest.raises(KeyboardInterrupt):
        fit_here(copy, start=StopPass("trained weights, scores"), **settings)
    counting = StopPass("")
    assert fit_here(copy, start=counting, n_workers=2, **settings).table.equals(alone.table, check_metadata=True)
    n_shards = len(foretell_fit(copy, **settings).prepared.residue_shards.shards)
    assert 2 * n_shards < counting.n_finished < 3 * n_shards


@pytest.mark.thorough
def test_two_workers_fit_contacts_to_the_bytes_of_one_process(root: Path, small_shards: None, tmp_path: Path) -> None:
    settings = SETTINGS | {"labels": ("contacts",)}
    copy = shutil.copytree(root, tmp_path / "atlas")
    alone = fit_here(root, **settings)
    assert fit_here(copy, n_workers=2, **settings).table.equals(alone.table, check_metadata=True)


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

    cost = foretell_fit(copy, **SETTINGS)
    fit_here(copy, start=Measure(""), **SETTINGS)
    # Before the scores all sums and weights are there; a file has some lines of names.
    n_files = 3 * len(cost.prepared.residue_shards.shards)
    assert cost.disk_bytes / 20 < sizes[-1] < cost.disk_bytes + n_files * (30 << 10)
