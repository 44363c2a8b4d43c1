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


@pytest.mark.parametrize(("asked", "accession"), [("R04", "R04"), ("A01", "R01"), ("R01", "R01")])
def test_the_nearest_are_those_of_numpy_one_for_each_sequence(case: Case, asked: str, accession: str) -> None:
    rows = case.atlas.ask("nearest", protein=asked, n=100).to_pylist()
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


def test_a_vector_of_zeros_is_near_to_nothing(case: Case) -> None:
    rows = case.atlas.ask("nearest", protein="R04", kind="segment9", layer=1, n=100).to_pylist()
    assert {row["accession"] for row in rows} == set(case.cosines("R04", 1, "segment9"))
    assert len(rows) == 10
    with pytest.warns(UserWarning, match=r"has no vectors of this kind in these layers"):
        assert case.atlas.ask("nearest", protein="R07", kind="segment9", layer=1).to_pylist() == []


def test_the_command_says_why_nothing_is_near(case: Case, attlas) -> None:
    run = attlas("ask", case.atlas.root, "nearest", "protein=R04", "layers=2")
    assert run.code == 0, run.err
    assert "the protein, or every other, has no vectors of this kind in these layers" in run.err
    assert "no vectors" not in attlas("ask", case.atlas.root, "nearest", "protein=R04").err


def test_as_many_of_each_layer_are_listed_as_asked_for(case: Case) -> None:
    rows = case.atlas.ask("nearest", protein="R04", n=3).to_pylist()
    assert [row["layer"] for row in rows] == [0, 0, 0, 1, 1, 1]


def test_a_kind_that_the_atlas_has_not_is_refused(case: Case) -> None:
    with pytest.raises(QuestionError, match=r"no 'cls' in vectors\.kind"):
        case.atlas.ask("nearest", protein="R04", kind="cls")
