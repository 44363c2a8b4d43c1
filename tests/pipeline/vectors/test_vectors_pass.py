"""The pass for vectors: its table against transformers' hidden states pooled in NumPy; resumed, repeated, refused."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from helpers.building import assert_whole, build_here, digests, random_proteins, write_fasta
from helpers.example_proteins import read_sequences
from helpers.passes_here import add_vectors_here, refuse_to_compute
from helpers.sealed_atlas import digest_table, list_files, remove_plan
from transformers import AutoModel, AutoTokenizer

from attlas.pipeline.vectors.embedding import EmbedProteins
from attlas.pipeline.vectors.pooling import PoolHidden
from attlas.queries import Atlas
from attlas.schema import InputError, PlanError

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
ALL = "cls,mean,eos,segments"
N_DEFAULT = 4


def read_vectors(out: Path, accession: str) -> dict[tuple[int, str], np.ndarray]:
    with Atlas.open(out) as atlas:
        query = "SELECT layer, kind, vector FROM vectors WHERE accession = $accession"
        rows = atlas.sql(query, {"accession": accession}).to_pylist()
    return {(row["layer"], row["kind"]): np.array(row["vector"]) for row in rows}


def pool(hidden: np.ndarray) -> dict[str, np.ndarray]:
    """Return the vectors of one layer of a protein by the rule in words, from its hidden states (N + 2, W)."""
    residues = hidden[1:-1].astype(np.float64)
    vectors = {"cls": hidden[0], "eos": hidden[-1], "mean": residues.mean(axis=0)}
    for number, part in enumerate(np.array_split(residues, 10)):  # the first are a residue longer
        vectors[f"segment{number}"] = part.mean(axis=0) if len(part) else np.zeros(hidden.shape[1])
    return vectors


# Against transformers


@pytest.fixture(scope="module")
def proteins(is_thorough: bool) -> dict[str, str]:
    sequences = read_sequences(ROOT / "examples" / "proteins.fasta")
    shortest = sorted(sequences, key=lambda accession: len(sequences[accession]))
    selected = shortest if is_thorough else shortest[:N_DEFAULT]
    return {accession: sequences[accession] for accession in selected} | {"TINY": "MKTAYIA"}


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, weights: Path, proteins: dict[str, str]) -> Path:
    folder = tmp_path_factory.mktemp("vectors")
    build_here(write_fasta(folder / "p.fasta", proteins), folder / "atlas", weights)
    add_vectors_here(folder / "atlas", vectors=ALL, layers="0,3,last")
    return folder / "atlas"


def test_vectors_are_the_hidden_states_of_transformers_pooled(real: Path, weights: Path, proteins) -> None:
    eager = AutoModel.from_pretrained(weights, attn_implementation="eager", add_pooling_layer=False).eval()
    tokenizer = AutoTokenizer.from_pretrained(weights)
    for accession, sequence in proteins.items():
        with torch.inference_mode():
            outputs = eager(**tokenizer(sequence, return_tensors="pt"), output_hidden_states=True)
        # The embeddings come before the output of layer 0; the last is normed.
        layers = {0: outputs.hidden_states[1], 3: outputs.hidden_states[4], 5: outputs.last_hidden_state}
        vectors = read_vectors(real, accession)
        assert len(vectors) == 3 * 13
        for layer, hidden in layers.items():
            for kind, expected in pool(hidden[0].numpy()).items():
                scale = 1e-5 * max(1, float(np.abs(expected).max()))
                assert vectors[layer, kind] == pytest.approx(expected, abs=scale), (accession, layer, kind)


def test_the_table_says_by_which_settings_it_was_made(real: Path) -> None:
    assert_whole(real)
    metadata = pq.read_schema(list_files(real, "vectors")[0]).metadata
    assert json.loads(metadata[b"attlas.settings"]) == {
        "settings": {
            "vectors": "cls mean eos segments",
            "layers": "0 3 5",
            "numbers": "float32",
            "width": 320,
            "max_length": None,
        },
        "computed_from": {"sequences": digest_table(real, "sequences")},
    }


def test_array_functions_take_a_vector(real: Path) -> None:
    query = "SELECT array_distance(vector::FLOAT[320], vector::FLOAT[320]) AS d FROM vectors WHERE kind = 'mean'"
    with Atlas.open(real) as atlas:
        assert {row["d"] for row in atlas.sql(query).to_pylist()} == {0.0}


# The pass, on a tiny model

SEQUENCE = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQA"


@pytest.fixture
def small(tmp_path: Path, tiny_esm: Path) -> Path:
    """An atlas of a tiny model: two accessions of a sequence, proteins of 1 and 9 residues, one skipped."""
    proteins = {"A1": SEQUENCE, "A2": SEQUENCE, "B1": "MGDVEKGKKIFIMKCSQC" * 2, "C1": "MK*LV"}
    proteins |= {"S1": "M", "S9": SEQUENCE[:9]}
    build_here(write_fasta(tmp_path / "p.fasta", proteins), tmp_path / "atlas", tiny_esm)
    return tmp_path / "atlas"


def test_asked_again_nothing_changes_and_other_settings_take_the_place(small: Path) -> None:
    added = add_vectors_here(small, vectors=ALL)
    assert (added.n_sequences, added.n_vectors, added.failed, added.longer) == (4, 4 * 13, (), ())
    assert read_vectors(small, "A1").keys() == read_vectors(small, "A2").keys() != set()
    before = digests(small)
    assert add_vectors_here(small, vectors="segments,eos,mean,cls", progress=refuse_to_compute) == added
    assert digests(small) == before

    assert add_vectors_here(small, vectors="mean").n_vectors == 4
    assert {path for path in before if path.startswith("vectors/")}.isdisjoint(digests(small))
    assert_whole(small)


def test_numbers_of_float16_are_rounded_and_stored_smaller(small: Path) -> None:
    exact = add_vectors_here(small, vectors=ALL)
    vectors = read_vectors(small, "B1")
    rounded = add_vectors_here(small, vectors=ALL, numbers="float16")
    for key, vector in read_vectors(small, "B1").items():
        assert vector.tolist() == vectors[key].astype(np.float16).astype(np.float64).tolist()
    assert rounded.n_bytes < exact.n_bytes


def test_a_pass_that_was_stopped_goes_on_and_ends_the_same(tmp_path: Path, tiny_esm: Path) -> None:
    out = tmp_path / "larger"
    build_here(write_fasta(tmp_path / "r.fasta", random_proteins([700] * 4)), out, tiny_esm)
    add_vectors_here(out)
    whole = digests(out)
    receipts = sorted((out / "receipts").glob("vectors-*.json"))
    assert len(receipts) > 1
    lost = json.loads(receipts[0].read_text())
    receipts[0].unlink()
    (out / lost["files"][0]["path"]).unlink()

    computed: list[int] = []
    add_vectors_here(
        out, progress=lambda plan, shards: computed.extend(s.index for s in shards) or (lambda event: None)
    )
    assert computed == [lost["index"]]
    assert digests(out) == whole


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"vectors": "max"}, "no such kind of vector"),
        ({"layers": "2"}, "numbers from 0 to 1"),
        ({"numbers": "float64"}, "no such numbers"),
    ],
)
def test_settings_that_make_no_sense_are_refused(small: Path, settings: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        add_vectors_here(small, **settings)


def test_a_release_has_no_plan(small: Path) -> None:
    remove_plan(small)
    with pytest.raises(PlanError, match=r"no plan|other files"):
        add_vectors_here(small)


@pytest.mark.parametrize(
    ("value", "numbers", "reason"),
    [(np.nan, "float32", "is not finite"), (70_000.0, "float16", "is not finite, or beyond float16")],
)
def test_what_is_not_finite_is_named_and_the_others_go_on(
    small: Path, monkeypatch, attlas, value: float, numbers: str, reason: str
) -> None:
    stacked = PoolHidden.stack_vectors

    def spoil(self: PoolHidden) -> np.ndarray:
        vectors = stacked(self)
        vectors[[len(places) == 38 for places in self.places]] = value
        return vectors

    monkeypatch.setattr(PoolHidden, "stack_vectors", spoil)
    outcome = attlas("embed", small, "--workers", 0, "--numbers", numbers)
    assert outcome.code == 3
    assert f"without vectors; failed, because a number {reason}" in outcome.err
    assert "B1 (36 residues)" in outcome.err
    assert read_vectors(small, "A1") != {}
    assert read_vectors(small, "B1") == {}
    assert_whole(small)


def test_a_number_that_float16_has_not_is_kept_as_float32(small: Path, monkeypatch) -> None:
    monkeypatch.setattr(PoolHidden, "stack_vectors", lambda self: np.full((len(self.places), 1, 1, 32), 70_000.0))
    assert add_vectors_here(small).failed == ()


def test_the_command_says_what_it_kept_and_what_it_left_out(small: Path, attlas) -> None:
    outcome = attlas("embed", small, "--workers", 0, "--vectors", ALL, "--layer", "0,last", "--max-length", 35)
    assert outcome.code == 0, outcome.err
    added = add_vectors_here(small, vectors=ALL, layers="0,last", max_length=35, progress=refuse_to_compute)
    size = f"{added.n_bytes / 3:,.0f} bytes each"
    kinds = "cls, mean, eos, segments of layers 0, 1"
    assert outcome.out == (
        f"{small}: 78 vectors of 3 sequences, {size}: {kinds}, {added.task.width} numbers, float32\n"
    )
    assert "1 longer than --max-length, left out: B1 (36 residues)" in outcome.err


def test_a_dry_run_says_what_vectors_cost_and_writes_nothing(small: Path, attlas) -> None:
    before = {path: path.stat().st_mtime_ns for path in small.rglob("*")}
    options = ("--workers", 0, "--vectors", ALL, "--layer", "0,last", "--max-length", 35, "--numbers", "float16")
    foretold = attlas("embed", small, *options, "--dry-run")
    assert foretold.code == 0, foretold.err
    assert {path: path.stat().st_mtime_ns for path in small.rglob("*")} == before

    told = dict(line.split(maxsplit=1) for line in foretold.out.splitlines())
    assert list(told) == ["vectors", "model", "memory", "disk", "time"]
    kinds = "cls, mean, eos, segments of layers 0, 1, 32 numbers, float16"
    assert told["vectors"] == f"78 vectors of 3 sequences: {kinds}; 1 longer than --max-length, left out"

    computed = []
    add_vectors_here(
        small,
        vectors=ALL,
        layers="0,last",
        max_length=35,
        progress=lambda plan, shards: computed.extend(shards) or (lambda event: None),
    )
    n_residues = sum(shard.n_residues for shard in computed)
    assert told["model"] == f"{n_residues} residues to run through it, in {len(computed)} shard"
    refused = attlas("embed", small, "--vectors", "max", "--dry-run")
    assert (refused.code, "no such kind of vector" in refused.err) == (1, True)


@pytest.mark.thorough
def test_a_dry_run_of_vectors_does_without_torch(small: Path) -> None:
    code = (
        "import sys; from attlas.cli.main import main\n"
        "try: main()\nfinally: print(sorted({'torch', 'transformers'} & set(sys.modules)), file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, "embed", str(small), "--dry-run"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr.splitlines()[-1]) == (0, "[]")


def test_a_build_keeps_vectors_when_told_to(tmp_path: Path, tiny_esm: Path, attlas) -> None:
    source = write_fasta(tmp_path / "p.fasta", {"A1": SEQUENCE})
    options = (source, "--out", tmp_path / "atlas", "--model", tiny_esm, "--device", "cpu", "--workers", 0)
    foretold = attlas("build", *options, "--vectors", ALL, "--dry-run").out
    assert "vectors  pooled while the build runs; disk about 0 MB more" in foretold
    outcome = attlas("build", *options, "--vectors", ALL)
    assert outcome.code == 0, outcome.err
    assert "13 vectors of 1 sequence" in outcome.out


def test_parts_hold_fewer_sequences_where_vectors_are_many() -> None:
    task = EmbedProteins("id", (), ("mean", "segments"), tuple(range(33)), "float32", 1280, None)
    assert task.bytes_of_sequence == 4 * 33 * 11 * 1280
    assert task.part_limits.n_sequences == (1 << 28) // task.bytes_of_sequence
    assert task.predict_pass_bytes([10] * 5_000) < 4 * (1 << 28)
    assert task.predict_pass_bytes([]) == 0
