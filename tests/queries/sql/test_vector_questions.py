"""Questions on vectors, against NumPy in float64 on random vectors."""

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.annotated import embed
from helpers.synthetic import AMINO_ACIDS, SyntheticProtein, write_atlas

from attlas.queries import Atlas
from attlas.schema import QuestionError

pytestmark = pytest.mark.slow

WIDTH = 7


class Case:
    """Twelve random proteins, three of them under two accessions, with vectors of two layers; one has zeros."""

    def __init__(self, root: Path) -> None:
        choose = random.Random(5)
        lengths = [choose.randint(12, 60) for _ in range(12)]
        self.sequences = {f"R{i:02d}": "".join(choose.choices(AMINO_ACIDS, k=n)) for i, n in enumerate(lengths)}
        copies = {f"A{i:02d}": self.sequences[f"R{i:02d}"] for i in range(3)}
        proteins = [SyntheticProtein(a, s) for a, s in (self.sequences | copies).items()]
        write_atlas(root, [*proteins, SyntheticProtein("Z1", "MKWF" * 5, status="failed", reason="x")])
        self.vectors = {
            accession: {
                (layer, kind): np.array([choose.gauss(0.5) for _ in range(WIDTH)], np.float32)
                for layer in (0, 1)
                for kind in ("mean", "segment9")
            }
            for accession in self.sequences
        }
        self.vectors["R07"][1, "segment9"] = np.zeros(WIDTH, np.float32)
        embed(root, self.vectors)
        self.atlas = Atlas.open(root)

    def cosines(self, accession: str, layer: int, kind: str) -> dict[str, float]:
        """Return the cosine to each other sequence, by its first accession."""
        given = self.vectors[accession][layer, kind].astype(np.float64)
        cosines = {}
        for other, vectors in self.vectors.items():
            vector = vectors[layer, kind].astype(np.float64)
            if other != accession and vector.any() and given.any():
                cosines[self.first(other)] = cosine(given, vector)
        return cosines

    def first(self, accession: str) -> str:
        return accession.replace("R", "A") if accession in ("R00", "R01", "R02") else accession


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def count_letters(sequence: str) -> np.ndarray:
    return np.array([sequence.count(letter) for letter in "ACDEFGHIKLMNPQRSTVWY"])


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    case = Case(tmp_path_factory.mktemp("vectors") / "atlas")
    yield case
    case.atlas.close()


@pytest.mark.parametrize(("name", "accession"), [("R04", "R04"), ("A01", "R01"), ("R01", "R01")])
def test_the_nearest_are_those_of_numpy_one_for_each_sequence(case: Case, name: str, accession: str) -> None:
    rows = case.atlas.ask("nearest", protein=name, n=100).to_pylist()
    for layer in (0, 1):
        cosines = case.cosines(accession, layer, "mean")
        of_layer = [row for row in rows if row["layer"] == layer]
        assert [row["accession"] for row in of_layer] == sorted(cosines, key=lambda other: -cosines[other])
        for row in of_layer:
            sequence = case.sequences[row["accession"].replace("A", "R")]
            assert row["cosine"] == pytest.approx(cosines[row["accession"]], abs=6e-5)
            assert row["mean_of_all"] == pytest.approx(np.mean(list(cosines.values())), abs=6e-5)
            letters = cosine(count_letters(case.sequences[accession]), count_letters(sequence))
            assert row["composition"] == pytest.approx(letters, abs=6e-5)
            assert row["length_ratio"] == pytest.approx(len(sequence) / len(case.sequences[accession]), abs=0.006)
            assert row["n_proteins"] == 1 + row["accession"].startswith("A")
            assert (row["n_compared"], row["n_left_out"], row["note"]) == (11, 0, None)


def test_a_vector_of_zeros_is_near_to_nothing(case: Case) -> None:
    rows = case.atlas.ask("nearest", protein="R04", kind="segment9", n=100).to_pylist()
    for layer, n_compared, n_left_out in ((0, 11, 0), (1, 10, 1)):
        of_layer = [row for row in rows if row["layer"] == layer]
        assert {row["accession"] for row in of_layer} == set(case.cosines("R04", layer, "segment9"))
        assert {(row["n_compared"], row["n_left_out"]) for row in of_layer} == {(n_compared, n_left_out)}


def test_a_layer_in_which_the_protein_has_no_vector_says_so(case: Case) -> None:
    rows = case.atlas.ask("nearest", protein="R07", kind="segment9", n=2).to_pylist()
    assert [(row["layer"], row["n_compared"], row["n_left_out"]) for row in rows] == [(0, 11, 0)] * 2 + [(1, 0, 11)]
    assert rows[-1]["accession"] is None
    assert rows[-1]["note"] == "the protein asked for has no vector of this kind, or one of zeros"


def test_a_protein_without_vectors_is_told(case: Case) -> None:
    with pytest.warns(UserWarning, match="Z1 was not computed"):
        rows = case.atlas.ask("nearest", protein="Z1").to_pylist()
    assert [(row["layer"], row["accession"], row["n_left_out"]) for row in rows] == [(0, None, 12), (1, None, 12)]


def test_a_layer_without_vectors_is_told_beside_those_that_have_them(case: Case, attlas) -> None:
    rows = case.atlas.ask("nearest", protein="R04", layers=[1, 2], n=1).to_pylist()
    assert [(row["layer"], row["note"]) for row in rows] == [
        (1, None),
        (2, "no vectors of this kind are of this layer"),
    ]
    assert "no vectors of this kind" in attlas("ask", case.atlas.root, "nearest", "protein=R04", "layers=2").out


def test_as_many_of_each_layer_are_listed_as_asked_for(case: Case) -> None:
    rows = case.atlas.ask("nearest", protein="R04", n=3).to_pylist()
    assert [row["layer"] for row in rows] == [0, 0, 0, 1, 1, 1]


def test_a_kind_that_the_atlas_has_not_is_refused(case: Case) -> None:
    with pytest.raises(QuestionError, match=r"no 'cls' in vectors\.kind"):
        case.atlas.ask("nearest", protein="R04", kind="cls")
