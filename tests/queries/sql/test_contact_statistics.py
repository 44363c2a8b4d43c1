"""Statistics over structures keep their level where precision differs from protein to protein; those of pairs do not.

What is true is known here: how many contacts a head or the model finds in a protein is drawn about what chance gives.
"""

import random
from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pytest
from helpers.contact_case import LIMITS, MadeChain, Scores, add_chains, add_contacts, add_head_contacts
from helpers.synthetic import SyntheticProtein, write_atlas
from scipy.stats import binomtest, norm, t

from attlas.queries import Atlas

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

N_SETS, N_SETS_THOROUGH, N_STRUCTURES = 40, 120, 5
SHARE = 0.2
"""Of pairs that are contacts."""
LENGTH = 30
RARE = 0.001
"""The chance that a count of a binomial is as far off as is accepted."""


@pytest.fixture(scope="module")
def structure_sets(is_thorough: bool) -> list[list[str]]:
    """Return the accessions of each set of five structures."""
    n_sets = N_SETS_THOROUGH if is_thorough else N_SETS
    names = [f"P{i:03d}" for i in range(n_sets * N_STRUCTURES)]
    return [names[i : i + N_STRUCTURES] for i in range(0, len(names), N_STRUCTURES)]


@pytest.fixture(scope="module")
def drawn(structure_sets: list[list[str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    """One head, and proteins of a structure each."""
    root, rng = tmp_path_factory.mktemp("drawn") / "atlas", np.random.default_rng(5)
    names = [name for names in structure_sets for name in names]
    sequences = ["".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), LENGTH)) for _ in names]
    write_atlas(root, [SyntheticProtein(*both) for both in zip(names, sequences, strict=True)], n_layers=1, n_heads=1)
    add_head_contacts(root, [of_head(name, rng) for name in names])
    groups = {name: rng.integers(0, round(1 / SHARE), LENGTH) for name in names}
    add_chains(root, [clustered(name, protein_groups) for name, protein_groups in groups.items()])
    add_contacts(root, {name: predicted(protein_groups, rng) for name, protein_groups in groups.items()})
    with Atlas.open(root) as atlas:
        yield atlas


def precision(rng: np.random.Generator, mean: float) -> float:
    """Return the chance of a contact in one protein, of standard deviation 0.12 where the mean is 0.2."""
    return float(rng.beta(10 * mean, 10 * (1 - mean)))


def of_head(name: str, rng: np.random.Generator) -> dict:
    n = int(rng.integers(30, 90))
    k = int(rng.binomial(n, precision(rng, SHARE)))
    row = {"accession": name, "source": "a.cif", "chain": "A", "layer": 0, "head": 0, "n_edges": n}
    row |= {"n_contact_edges": k, "edge_mass": n * 0.5, "contact_edge_mass": k * 0.5, "mass": n * 0.75}
    row |= {"contact_mass": k * 0.75, "n_pairs": LENGTH**2, "n_contact_pairs": round(LENGTH**2 * SHARE)}
    return row | {"n_top": 20, "n_top_contacts": k % 20, "n_long_pairs": 21, "n_long_contacts": 4}


def clustered(name: str, groups: np.ndarray) -> MadeChain:
    """Return a chain whose residues lie at one of a few places: those at the same place are in contact."""
    points = [(100.0 * int(group), 0.0, 0.0) for group in groups]
    return MadeChain(name, "a.cif", "A", {i: (point, point) for i, point in enumerate(points, 1)})


def predicted(groups: np.ndarray, rng: np.random.Generator) -> Scores:
    """Return L pairs of short and of medium range, contacts among them by the precision drawn for the protein."""
    scores: Scores = {}
    for which in ("short", "medium"):
        min_separation, max_separation = LIMITS[which]
        pairs = [(i, j) for i, j in combinations(range(1, LENGTH + 1), 2) if min_separation <= j - i <= max_separation]
        touching = [(i, j) for i, j in pairs if groups[i - 1] == groups[j - 1]]
        others = sorted({*pairs} - {*touching})
        k = min(int(rng.binomial(LENGTH, precision(rng, len(touching) / len(pairs)))), len(touching))
        choose = random.Random(int(rng.integers(1 << 30)))
        for pair in choose.sample(touching, k) + choose.sample(others, LENGTH - k):
            scores[pair] = choose.random()
    return scores


@pytest.fixture(scope="module")
def heads(drawn: Atlas, structure_sets: list[list[str]]) -> list[dict]:
    """What is told of the head over each five structures: one head, so that no number is corrected for more."""
    return [drawn.ask("head_contact_precision", proteins=names).to_pylist()[0] for names in structure_sets]


@pytest.fixture(scope="module")
def model(drawn: Atlas, structure_sets: list[list[str]]) -> list[dict]:
    return [row for names in structure_sets for row in drawn.ask("contact_precision", proteins=names).to_pylist()]


def is_likely(k: int, n: int, share: float) -> bool:
    """Return whether k of n are no surprise where each has the chance `share`."""
    return bool(binomtest(k, n, share).pvalue > RARE)


def test_the_interval_over_five_structures_covers_what_is_true(heads: list[dict]) -> None:
    assert {row["n_structures"] for row in heads} == {N_STRUCTURES}
    covered = [row["proteins_low"] <= SHARE <= row["proteins_high"] for row in heads]
    narrower = norm.isf(0.025) / t.isf(0.025, N_STRUCTURES - 1)
    of_normal = [abs(row["p"] - SHARE) <= narrower * (row["proteins_high"] - row["p"]) for row in heads]
    # In 200,000 such draws 92.4 and 84.8 %: a share of contacts has unequal denominators, which t does not know.
    assert is_likely(sum(covered), len(heads), 0.924)
    assert is_likely(sum(of_normal), len(heads), 0.848)
    assert sum(of_normal) < sum(covered)


def test_the_test_of_a_head_keeps_its_level_over_five_structures_and_that_of_edges_does_not(
    heads: list[dict], structure_sets: list[list[str]]
) -> None:
    assert len(heads) == len(structure_sets)
    assert {row["n_structures"] for row in heads} == {N_STRUCTURES}
    over_proteins = [row["proteins_log10_p"] < np.log10(0.05) for row in heads]
    over_edges = np.mean([row["log10_p"] < np.log10(0.05) for row in heads])
    assert is_likely(sum(over_proteins), len(heads), 0.05)
    assert over_edges > 0.2


@pytest.mark.parametrize("which", ["short", "medium"])
def test_the_test_of_the_model_keeps_its_level_over_five_structures_and_that_of_pairs_does_not(
    model: list[dict], structure_sets: list[list[str]], which: str
) -> None:
    rows = [row for row in model if (row["range"], row["cut"]) == (which, "L")]
    assert len(rows) == len(structure_sets)
    assert {(row["n_pairs"], row["n_too_few"]) for row in rows} == {(N_STRUCTURES * LENGTH, 0)}
    over_proteins = [abs(row["proteins_t"]) > t.isf(0.025, N_STRUCTURES - 1) for row in rows]
    over_pairs = np.mean([abs(row["z"]) > norm.isf(0.025) for row in rows])
    assert is_likely(sum(over_proteins), len(rows), 0.05)
    assert over_pairs > 0.2
