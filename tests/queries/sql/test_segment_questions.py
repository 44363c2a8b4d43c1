"""The question on segments of pairs, against loops in Python and draws of scipy on random weights and features."""

import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from helpers.annotated import annotate
from helpers.segment_case import add_segments, draw_weights
from helpers.synthetic import AMINO_ACIDS, SyntheticProtein, write_atlas
from scipy.stats import hypergeom, norm

from attlas.queries import Atlas

pytestmark = pytest.mark.slow

N_LAYERS = 2
TYPES = ("Domain", "Motif", "Region")


class Case:
    """Eight random proteins, one of them short, in seven pairs; one feature covers a whole protein."""

    def __init__(self, root: Path) -> None:
        choose = random.Random(11)
        lengths = [choose.randint(25, 90) for _ in range(7)]
        self.lengths = {f"R{n}": length for n, length in enumerate([*lengths, 6])}
        proteins = [
            SyntheticProtein(name, "".join(choose.choices(AMINO_ACIDS, k=n))) for name, n in self.lengths.items()
        ]
        write_atlas(root, proteins, n_layers=N_LAYERS)
        self.features = [("R0", "Region", 1, self.lengths["R0"]), ("R1", "Region", 1, self.lengths["R1"])]
        for name, length in self.lengths.items():
            for kind in TYPES[:2]:
                begin = choose.randint(1, length)
                self.features.append((name, kind, begin, min(length, begin + choose.randint(0, 12))))
        annotate(root, self.features)

        names = list(self.lengths)
        self.pairs = [
            (a, b, draw_weights((self.lengths[a], self.lengths[b]), N_LAYERS, choose)) for a, b in pairwise(names)
        ]
        add_segments(root, self.pairs)
        self.atlas = Atlas.open(root)

    def positions(self, pair: tuple, segment: int) -> tuple[str, list[int]]:
        """Return the protein of a segment, and its positions."""
        name = pair[segment // 10]
        parts = np.array_split(np.arange(1, self.lengths[name] + 1), 10)  # first ones longer
        return name, parts[segment % 10].tolist()

    def touches(self, pair: tuple, segment: int, kind: str) -> bool:
        name, positions = self.positions(pair, segment)
        return any(
            name == accession and kind == type_ and set(positions) & set(range(begin, end + 1))
            for accession, type_, begin, end in self.features
        )

    def count(self, pair: tuple, layer: int, kind: str, n: int, queries: str) -> tuple[int, int, int, int] | None:
        """Return the numbers of segments: all, touching a feature, chosen, both; None if none or all touch."""
        weights = pair[2]
        segments = sorted({key for _, _, key in weights})
        received = {}
        for key in segments:
            is_counted = {
                "all": lambda a, key=key: True,
                "within": lambda a, key=key: a // 10 == key // 10,
                "across": lambda a, key=key: a // 10 != key // 10,
            }[queries]
            values = [np.float32(weights[layer, a, key]) for a in segments if is_counted(a)]
            received[key] = np.mean(values, dtype=np.float64) / len(self.positions(pair, key)[1])
        top_segments = sorted(segments, key=lambda key: (-received[key], key))[:n]
        touching = [key for key in segments if self.touches(pair, key, kind)]
        if not touching or len(touching) == len(segments):
            return None
        return len(segments), len(touching), len(top_segments), len(set(top_segments) & set(touching))


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    case = Case(tmp_path_factory.mktemp("segments") / "atlas")
    yield case
    case.atlas.close()


@pytest.mark.parametrize(("n", "queries"), [(3, "all"), (1, "within"), (5, "across")])
def test_coverage_is_that_of_loops_and_chance_that_of_the_hypergeometric_distribution(
    case: Case, n: int, queries: str
) -> None:
    rows = case.atlas.ask("segment_coverage", n=n, queries=queries).to_pylist()
    keys = [(row["type"], row["layer"]) for row in rows]
    assert keys == sorted(keys)
    assert len(keys) == len(TYPES) * N_LAYERS
    for row in rows:
        counts = [case.count(pair, row["layer"], row["type"], n, queries) for pair in case.pairs]
        counts = [numbers for numbers in counts if numbers is not None]
        chance = [hypergeom(n_all, n_touching, n_chosen) for n_all, n_touching, n_chosen, _ in counts]
        n_chosen, n_touching = (sum(numbers[place] for numbers in counts) for place in (2, 3))
        expected, variance = sum(law.mean() for law in chance), sum(law.var() for law in chance)
        assert (row["n_pairs"], row["n_segments"], row["n_touching"]) == (len(counts), n_chosen, n_touching)
        assert row["share"] == pytest.approx(n_touching / n_chosen, abs=6e-4)
        assert row["expected"] == pytest.approx(expected / n_chosen, abs=6e-4)
        assert row["enrichment"] == pytest.approx(n_touching / expected, abs=6e-3)
        z = (n_touching - expected) / variance**0.5
        assert row["z"] == pytest.approx(z, abs=6e-3)
        assert row["log10_p"] == pytest.approx(min(0, np.log10(2 * norm.sf(abs(z)) * len(rows))), abs=6e-3)


def test_the_type_that_covers_a_whole_pair_says_nothing_of_it(case: Case) -> None:
    (row, _) = case.atlas.ask("segment_coverage", types="Region").to_pylist()
    assert row["n_pairs"] == 1  # R0 and R1 are covered whole; R1 and R2 half
