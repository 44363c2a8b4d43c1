"""Matrices of pairs, read back by NumPy and pyarrow, against the vectors that were stored."""

import random
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from helpers.annotated import embed
from helpers.synthetic import SyntheticProtein, write_atlas

from attlas.queries import Atlas
from attlas.queries.exports import pair_matrices
from attlas.queries.exports.pair_matrices import SEGMENTS, WITH_ENDS, NamedPair, write_pair_matrices
from attlas.schema import QuestionError

pytestmark = pytest.mark.slow

WIDTH = 6
PAIRS = [("B", "A", "binds"), ("A2", "C", None), ("A", "A", "")]


@pytest.fixture(scope="module")
def vectors() -> dict[str, dict[tuple[int, str], np.ndarray]]:
    choose = random.Random(2)
    return {
        accession: {
            (layer, kind): np.array([choose.gauss() for _ in range(WIDTH)], np.float32)
            for layer in (0, 1)
            for kind in (*WITH_ENDS, "mean")
            if (layer, kind) != (1, "eos")
        }
        for accession in "ABC"
    }


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, vectors) -> Path:
    root = tmp_path_factory.mktemp("matrices") / "atlas"
    sequences = {"A": "MKTAYIAKQRQISF", "A2": "MKTAYIAKQRQISF", "B": "MGDVEKGKKIFIMK", "C": "ACDEFGHIKL"}
    failed = SyntheticProtein("F", "MKWFMKWF", status="failed", reason="x")
    write_atlas(root, [*(SyntheticProtein(a, s) for a, s in sequences.items()), failed])
    embed(root, vectors)
    return root


def expected_matrices(vectors, kinds: tuple[str, ...], layer: int) -> np.ndarray:
    """Return the matrices of PAIRS; A2 has the sequence of A."""
    of_first = [("B", "A"), ("A", "C"), ("A", "A")]
    return np.array([[vectors[name][layer, kind] for name in pair for kind in kinds] for pair in of_first])


@pytest.mark.parametrize("pairs_at_once", [1, 2, 256])
def test_arrays_of_numpy_hold_the_segments_of_one_above_those_of_the_other(
    root: Path, vectors, tmp_path: Path, monkeypatch, pairs_at_once: int
) -> None:
    monkeypatch.setattr(pair_matrices, "PAIRS_AT_ONCE", pairs_at_once)
    with Atlas.open(root) as atlas:
        written = write_pair_matrices(atlas, [NamedPair(*pair) for pair in PAIRS], tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz", allow_pickle=False) as arrays:
        assert arrays["matrices"].dtype == np.float32
        assert (arrays["matrices"] == expected_matrices(vectors, SEGMENTS, 1)).all()
        assert arrays["accession"].tolist() == ["B", "A2", "A"]
        assert arrays["partner"].tolist() == ["A", "C", "A"]
        assert arrays["label"].tolist() == ["binds", "", ""]
        assert arrays["row"][[0, 9, 10]].tolist() == ["accession segment0", "accession segment9", "partner segment0"]
    assert (written.n_pairs, written.n_rows, written.width, written.layer, written.left_out) == (3, 20, WIDTH, 1, ())


def test_a_table_of_parquet_holds_the_same_with_the_ends_around_the_segments(root, vectors, tmp_path: Path) -> None:
    with Atlas.open(root) as atlas:
        pairs = [NamedPair(*pair) for pair in PAIRS]
        written = write_pair_matrices(atlas, pairs, tmp_path / "m.parquet", has_ends=True)
    table = pq.read_table(tmp_path / "m.parquet")
    assert written.layer == 0  # the last that has `eos`
    assert (np.array(table["matrix"].to_pylist(), np.float32) == expected_matrices(vectors, WITH_ENDS, 0)).all()
    assert table["label"].to_pylist() == ["binds", None, ""]
    assert table.schema.metadata[b"row"].decode().split("\n")[-1] == "partner eos"


def test_a_pair_without_a_matrix_is_named_and_a_file_of_none_is_refused(root: Path, tmp_path: Path) -> None:
    with Atlas.open(root) as atlas:
        pairs = [NamedPair("A", "B"), NamedPair("A", "NONE"), NamedPair("F", "B")]
        written = write_pair_matrices(atlas, pairs, tmp_path / "m.npz")
        assert written.left_out == ("A and NONE: NONE is not in the atlas", "F and B: F has no vectors")
        with pytest.raises(QuestionError, match="No pair has a matrix"):
            write_pair_matrices(atlas, pairs[1:], tmp_path / "none.npz")
        with pytest.raises(QuestionError, match=r"\.npz or \.parquet"):
            write_pair_matrices(atlas, pairs, tmp_path / "m.csv")
        with pytest.raises(QuestionError, match="lacks vectors"):
            write_pair_matrices(atlas, pairs, tmp_path / "m.npz", layer=1, has_ends=True)
    assert not (tmp_path / "none.npz").exists()


def test_the_command_reads_a_file_of_pairs_and_accounts_for_every_line(root: Path, tmp_path: Path, attlas) -> None:
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("B\tC\t1\nonly\nB\tNONE\n")
    outcome = attlas("export", root, "pair-matrices", "--pairs", pairs, "-o", tmp_path / "m.npz")
    assert outcome.code == 0, outcome.err
    assert outcome.out == f"{tmp_path / 'm.npz'}: 1 matrix of 20 x {WIDTH} numbers, of layer 1\n"
    assert "2 left out: line 2: the line does not name two proteins, B and NONE: NONE is not" in outcome.err

    pairs.write_text("only\nB\tNONE\n")
    outcome = attlas("export", root, "pair-matrices", "--pairs", pairs, "-o", tmp_path / "n.npz")
    assert outcome.code == 1
    assert "No pair has a matrix" in outcome.err
    assert "line 1: the line does not name two proteins" in outcome.err
    assert "B and NONE: NONE is not in the atlas" in outcome.err
    assert attlas("export", root, "pair-matrices", "-o", tmp_path / "m.npz").code == 2
    assert attlas("export", root, "csv", "--pairs", pairs).code == 2
