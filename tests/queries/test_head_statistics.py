"""Intervals and p values over proteins, against t tests of scipy, jackknives, permutations, and on random labels."""

import math
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from annotated import Sums, annotate, probe
from Bio.Align import substitution_matrices
from scipy.stats import pearsonr, t, ttest_1samp
from statsmodels.stats.multitest import multipletests
from synthetic import SyntheticProtein, write_atlas

from attlas.queries import Atlas

LETTERS = "ACDEFGHIKLMNPQRSTVWY"
FORMS = ("count", "weighted", "mass")
N_LAYERS, N_HEADS = 3, 3
HEADS = [(layer, head) for layer in range(N_LAYERS) for head in range(N_HEADS)]

Array = np.ndarray


class Case:
    """Twenty-four short proteins, most of them without some letters, and the edges of nine heads, drawn by letter."""

    def __init__(self, root: Path) -> None:
        choose = random.Random(3)
        self.sequences = {f"S{i:02d}": "".join(choose.choices(LETTERS, k=choose.randint(12, 60))) for i in range(24)}
        liking = {at: [choose.lognormvariate(0, 0.7) for _ in LETTERS] for at in HEADS}
        self.rows: dict[tuple[str, str], tuple[int, int, Sums]] = {}
        for accession, sequence in self.sequences.items():
            drawn = {}
            for at in HEADS:
                n = choose.randint(0, 2) if at == (0, 0) else choose.randint(10, 80)  # (0, 0) is not reported
                drawn[at] = choose.choices(sequence, [liking[at][LETTERS.index(x)] for x in sequence], k=n)
            for label in ("residue", *sorted(set(sequence))):
                sums: Sums = {}
                for at, edges in drawn.items():
                    k = len(edges) if label == "residue" else edges.count(label)
                    sums[at] = k, k * 0.5 + 0.01 * len(edges) * (label == "residue"), k * 0.75 + 0.5
                n_labelled = len(sequence) if label == "residue" else sequence.count(label)
                self.rows[accession, label if label == "residue" else f"aa:{label}"] = n_labelled, len(sequence), sums
        write_atlas(root, [SyntheticProtein(a, s) for a, s in self.sequences.items()], n_layers=3, n_heads=3)
        probe(root, [(a, label, *values) for (a, label), values in self.rows.items()])
        self.atlas = Atlas.open(root)

    def ask(self, name: str, **given: object) -> list[dict]:
        return self.atlas.ask(name, **given).to_pylist()

    def parts(self, label: str, at: tuple[int, int], form: str, *, whole: bool = False) -> tuple[Array, Array, Array]:
        """Return what the label and all residues of each protein receive, and its share of the residues.

        Of the proteins that carry the label; with `whole` of all.
        """
        which, none = FORMS.index(form), (0, 1, {at: (0, 0.0, 0.0)})
        names = [a for a in self.sequences if whole or (a, label) in self.rows]
        own = [self.rows.get((a, label), none) for a in names]
        k = np.array([row[2][at][which] for row in own], float)
        n = np.array([self.rows[a, "residue"][2][at][which] for a in names], float)
        return k, n, np.array([row[0] / row[1] for row in own])

    def reported(self, label: str) -> list[tuple[int, int]]:
        return [at for at in HEADS if self.parts(label, at, "count")[1].sum() >= 100]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    case = Case(tmp_path_factory.mktemp("statistics") / "atlas")
    yield case
    case.atlas.close()


def near(log10_p: float) -> object:
    return pytest.approx(min(log10_p, 0), abs=0.006 + 0.001 * abs(log10_p))


# Heads


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("label", ["aa:C", "aa:L", "aa:W"])
def test_a_head_is_tested_as_scipy_tests_what_proteins_give_beyond_the_shuffled(
    case: Case, label: str, form: str
) -> None:
    rows = case.ask("head_labels", label=label, form=form)
    raw = []
    for row in rows:
        k, n, share = case.parts(label, (row["layer"], row["head"]), form)
        test = ttest_1samp(k - n * share, 0)
        assert row["shuffled"] == pytest.approx((n * share).sum() / n.sum(), abs=6e-5)
        assert row["proteins_t"] == pytest.approx(test.statistic, abs=0.006)
        raw.append(test.pvalue)
    corrected = multipletests(raw, method="bonferroni")[1]
    assert [row["proteins_log10_p"] for row in rows] == [near(math.log10(p)) for p in corrected]
    assert {(row["layer"], row["head"]) for row in rows} == set(case.reported(label)) != set(HEADS)


@pytest.mark.parametrize("form", FORMS)
def test_the_best_heads_have_the_numbers_of_all_heads(case: Case, form: str) -> None:
    names = ("shuffled", "proteins_low", "proteins_high", "proteins_t", "proteins_log10_p")
    rows = case.ask("best_heads", form=form, labels=["aa:L", "aa:A"], n=9)
    assert len(rows) == len(case.reported("aa:L")) + len(case.reported("aa:A"))
    for row in rows:
        same = case.ask("head_labels", label=row["label"], form=form)[row["place"] - 1]
        assert [row[name] for name in names] == [same[name] for name in names]


@pytest.mark.parametrize("form", FORMS)
def test_an_amino_acid_is_tested_over_all_proteins_those_without_it_included(case: Case, form: str) -> None:
    rows = case.ask("amino_acid_heads", form=form)
    assert len(rows) == 20 * (len(HEADS) - 1)
    for row in rows:
        k, n, share = case.parts(f"aa:{row['residue']}", (row["layer"], row["head"]), form, whole=True)
        assert len(k) == row["n_proteins"] == len(case.sequences)
        p, size = k.sum() / n.sum(), len(k)
        test = ttest_1samp(k - n * share, 0)
        assert row["shuffled"] == pytest.approx((n * share).sum() / n.sum(), abs=6e-5)
        assert row["proteins_t"] == pytest.approx(test.statistic, abs=0.006)
        assert row["proteins_log10_p"] == near(math.log10(test.pvalue * len(rows)))
        se = math.sqrt(size / (size - 1) * ((k - p * n) ** 2).sum()) / n.sum()
        reach = t.isf(0.025 / len(rows), size - 1) * se
        bounds = max(p - reach, 0), min(p + reach, 1)
        assert (row["proteins_low"], row["proteins_high"]) == pytest.approx(bounds, abs=1e-4 + 2e-3 * reach)


def test_what_is_the_same_in_all_proteins_is_not_tested(tmp_path: Path) -> None:
    """Every protein gives one edge of ten beyond the shuffled: no spread, so no test and no interval."""
    sequences = {"A": "MKLVMKLVML", "B": "MKLAMKLAML", "C": "MKLCMKLCML"}
    write_atlas(tmp_path / "atlas", [SyntheticProtein(*pair) for pair in sequences.items()], n_layers=1, n_heads=1)
    sums: dict[str, Sums] = {"residue": {(0, 0): (100, 50.0, 80.0)}, "aa:M": {(0, 0): (40, 20.0, 30.0)}}
    probe(tmp_path / "atlas", [(a, x, 3 if x == "aa:M" else 10, 10, sums[x]) for a in sequences for x in sums])
    with Atlas.open(tmp_path / "atlas") as atlas:
        for name, given in (("head_labels", {"label": "aa:M"}), ("best_heads", {}), ("layers_of_label", {})):
            for some in (["A", "B", "C"], ["A"]):
                (row,) = atlas.ask(name, proteins=some, **given).to_pylist()
                assert (row["proteins_t"], row["proteins_log10_p"]) == (None, None)
                assert (row["proteins_low"], row["proteins_high"]) == (None, None)
        (row,) = (r for r in atlas.ask("amino_acid_heads", proteins="A").to_pylist() if r["residue"] == "M")
        assert (row["p"], row["proteins_low"], row["proteins_t"]) == (0.4, None, None)


# Layers


def layer_means(case: Case, label: str, form: str, left: int | None = None) -> dict[int, float]:
    """Return the unweighted mean of p over the reported heads of each layer, without one protein."""
    shares: dict[int, list[float]] = {}
    for at in case.reported(label):
        k, n, _ = case.parts(label, at, form)
        if left is not None:
            k, n = np.delete(k, left), np.delete(n, left)
        shares.setdefault(at[0], []).append(k.sum() / n.sum())
    return {layer: float(np.mean(values)) for layer, values in shares.items()}


def centre_of(means: dict[int, float]) -> float:
    return sum(layer * mean for layer, mean in means.items()) / sum(means.values())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("label", ["aa:A", "aa:L"])
def test_intervals_of_layers_and_their_centre_are_those_of_a_jackknife(case: Case, label: str, form: str) -> None:
    rows = case.ask("layers_of_label", labels=label, form=form)
    n = rows[0]["n_proteins"]
    assert n == sum((a, label) in case.rows for a in case.sequences)
    left = [layer_means(case, label, form, i) for i in range(n)]
    whole = layer_means(case, label, form)

    def error(values: list[float]) -> float:
        return math.sqrt((n - 1) ** 2 / n) * float(np.std(values, ddof=1))

    for row in rows:
        mean, se = whole[row["layer"]], error([means[row["layer"]] for means in left])
        assert row["mean_p"] == pytest.approx(mean, abs=6e-5)
        reach = t.isf(0.025 / len(rows), n - 1) * se
        assert row["proteins_high"] == pytest.approx(min(mean + reach, 1), abs=0.08 * reach)
        assert row["proteins_low"] == pytest.approx(max(mean - reach, 0), abs=0.08 * reach)
        reach = t.isf(0.025, n - 1) * error([centre_of(means) for means in left])
        assert row["centre"] == pytest.approx(centre_of(whole), abs=0.006)
        assert row["centre_high"] - row["centre_low"] == pytest.approx(2 * reach, rel=0.1, abs=0.011)


@pytest.mark.parametrize("form", FORMS)
def test_a_layer_is_tested_as_scipy_tests_the_mean_over_its_heads(case: Case, form: str) -> None:
    rows = case.ask("layers_of_label", labels="aa:L", form=form)
    assert [row["layer"] for row in rows] == list(range(N_LAYERS))
    for row in rows:
        heads = [at for at in case.reported("aa:L") if at[0] == row["layer"]]
        parts = [case.parts("aa:L", at, form) for at in heads]
        beyond = np.mean([(k - n * share) / n.sum() for k, n, share in parts], axis=0)
        test = ttest_1samp(beyond, 0)
        assert row["proteins_t"] == pytest.approx(test.statistic, abs=0.006)
        assert row["proteins_log10_p"] == near(math.log10(test.pvalue * len(rows)))
        shuffled = np.mean([(n * share).sum() / n.sum() for _, n, share in parts])
        assert row["shuffled"] == pytest.approx(shuffled, abs=6e-5)
        assert row["n_edges"] == sum(case.parts("aa:L", at, "count")[1].sum() for at in heads)


# BLOSUM62


def matrices(rows: list[dict]) -> tuple[Array, Array]:
    """Return the 20 x 20 correlations of heads and the scores of Biopython's matrix, diagonals empty."""
    blosum, found = substitution_matrices.load("BLOSUM62"), np.full((20, 20), np.nan)
    for row in rows:
        i, j = LETTERS.index(row["first"]), LETTERS.index(row["second"])
        found[i, j] = found[j, i] = row["correlation"]
    scores = np.array([[blosum[a][b] if a != b else np.nan for b in LETTERS] for a in LETTERS], float)
    return found, scores


def correlation(found: Array, scores: Array, letters: Array) -> float:
    upper = np.triu_indices(len(letters), 1)
    return float(pearsonr(found[np.ix_(letters, letters)][upper], scores[np.ix_(letters, letters)][upper]).statistic)


def test_the_interval_of_r_leaves_out_one_amino_acid_after_the_other(case: Case) -> None:
    rows = case.ask("blosum_correlation", form="mass")
    assert len(rows) == 20 * 19 / 2
    found, scores = matrices(rows)
    r = correlation(found, scores, np.arange(20))
    left = [math.atanh(correlation(found, scores, np.delete(np.arange(20), i))) for i in range(20)]
    half = t.isf(0.025, 19) * math.sqrt(19 * np.var(left))
    for row in rows:
        assert row["r"] == pytest.approx(r, abs=2e-4)
        bounds = math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)
        assert (row["r_low"], row["r_high"]) == pytest.approx(bounds, abs=2e-3)


def test_the_p_value_of_r_is_that_of_permuted_amino_acids(case: Case) -> None:
    rows = case.ask("blosum_correlation", replicates=2_000)
    found, scores = matrices(rows)
    r, rng, n = correlation(found, scores, np.arange(20)), np.random.default_rng(0), 2_000
    upper = np.triu_indices(20, 1)
    drawn = [rng.permutation(20) for _ in range(n)]
    permuted = [np.corrcoef(found[upper], scores[np.ix_(some, some)][upper])[0, 1] for some in drawn]
    expected = (1 + sum(abs(x) >= abs(r) for x in permuted)) / (n + 1)
    assert 0.02 < expected < 1  # of random rows; where it cannot be told from 0 the test would prove little
    error = math.sqrt(2 * expected * (1 - expected) / n)
    assert 10 ** rows[0]["log10_p"] == pytest.approx(expected, abs=4 * error + 0.012 * expected)
    assert {row["log10_p"] for row in rows} == {rows[0]["log10_p"]}
    assert case.ask("blosum_correlation", replicates=2_000, seed=1) == rows
    assert case.ask("blosum_correlation", replicates=2_000, seed=2)[0]["log10_p"] != rows[0]["log10_p"]


def test_a_p_value_by_permutation_is_never_zero(case: Case) -> None:
    found = {case.ask("blosum_correlation", replicates=1, seed=seed)[0]["log10_p"] for seed in range(12)}
    assert found == {-0.3, 0}  # one of two, or two of two


# Labels at random


def test_of_random_labels_the_test_over_proteins_keeps_its_level_and_that_of_edges_does_not(tmp_path: Path) -> None:
    """240 heads, each drawn to few residues of each protein; labels know nothing of them."""
    rng, n_proteins, heads = np.random.default_rng(7), 60, [(a, b) for a in range(12) for b in range(20)]
    names = [f"N{i:02d}" for i in range(n_proteins)]
    lengths = rng.integers(20, 60, n_proteins)
    text = ["".join(rng.choice(list(LETTERS), n)) for n in lengths]
    write_atlas(tmp_path / "atlas", [SyntheticProtein(*pair) for pair in zip(names, text, strict=True)], n_heads=20)
    annotate(tmp_path / "atlas", [])
    rows = []
    for name, length in zip(names, map(int, lengths), strict=True):
        labelled = rng.permutation(length) < length // 4
        edges = {at: rng.multinomial(40, rng.dirichlet(np.full(length, 0.2))) for at in heads}
        whole: Sums = dict.fromkeys(heads, (40, 20.0, 30.0))
        part: Sums = {at: (int(k[labelled].sum()), 1.0, 1.0) for at, k in edges.items()}
        rows += [(name, "residue", length, length, whole), (name, "Site", int(labelled.sum()), length, part)]
    probe(tmp_path / "atlas", rows)
    with Atlas.open(tmp_path / "atlas") as atlas:
        asked = atlas.ask("head_labels", label="Site").to_pylist()
    assert len(asked) == len(heads)
    over_proteins = np.mean([abs(row["proteins_t"]) > t.isf(0.025, n_proteins - 1) for row in asked])
    over_edges = np.mean([abs(row["z"]) > 1.96 for row in asked])
    assert 0.01 < over_proteins < 0.09
    assert over_edges > 0.2
    covered = np.mean([row["proteins_low"] <= row["shuffled"] <= row["proteins_high"] for row in asked])
    assert covered > 0.99  # all at once
    assert min(row["proteins_log10_p"] for row in asked) > math.log10(0.05)
