"""Intervals and p values over proteins, against t tests of scipy, jackknives, permutations, and on random labels."""

import math
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from Bio.Align import substitution_matrices
from helpers.annotated import Sums, annotate, probe
from helpers.default_cases import each_nth_by_default
from helpers.jackknife_oracle import Estimate, agrees, estimate, near
from helpers.synthetic import SyntheticProtein, write_atlas
from scipy.stats import pearsonr, t

from attlas.queries import Atlas

pytestmark = pytest.mark.slow

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
        """Return the attention that the label and all residues of each protein receive, and its share of the residues.

        Of the proteins that carry the label; with `whole` of all.
        """
        which, none = FORMS.index(form), (0, 1, {at: (0, 0.0, 0.0)})
        names = [a for a in self.sequences if whole or (a, label) in self.rows]
        label_rows = [self.rows.get((a, label), none) for a in names]
        k = np.array([row[2][at][which] for row in label_rows], float)
        n = np.array([self.rows[a, "residue"][2][at][which] for a in names], float)
        return k, n, np.array([row[0] / row[1] for row in label_rows])

    def beyond(self, label: str, at: tuple[int, int], form: str, *, whole: bool = False) -> tuple[Array, Array, Array]:
        """Return the attention of each protein's label beyond the shuffled, all attention, and its chance variance.

        By chance each edge, or in `mass` what each residue sends, goes to a residue with the label or not.
        """
        k, n, share = self.parts(label, at, form, whole=whole)
        names = [a for a in self.sequences if whole or (a, label) in self.rows]
        draws = [len(self.sequences[a]) if form == "mass" else self.rows[a, "residue"][2][at][0] for a in names]
        variance = [w**2 * s * (1 - s) / m if m else 0 for w, s, m in zip(n, share, draws, strict=True)]
        return k - n * share, n, np.array(variance)

    def reported(self, label: str) -> list[tuple[int, int]]:
        return [at for at in HEADS if self.parts(label, at, "count")[1].sum() >= 100]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    case = Case(tmp_path_factory.mktemp("statistics") / "atlas")
    yield case
    case.atlas.close()


# Heads


COLUMNS = ("proteins_low", "proteins_high", "proteins_t", "proteins_log10_p")


@pytest.mark.parametrize("form", each_nth_by_default(FORMS, 3))
@pytest.mark.parametrize("label", ["aa:C", "aa:L", "aa:W"])
def test_a_head_is_tested_by_leaving_out_one_protein_after_the_other(case: Case, label: str, form: str) -> None:
    rows = case.ask("head_labels", label=label, form=form)
    for row in rows:
        at = row["layer"], row["head"]
        k, n, share = case.parts(label, at, form)
        assert row["shuffled"] == pytest.approx((n * share).sum() / n.sum(), abs=6e-5)
        agrees(row, COLUMNS, estimate(*case.beyond(label, at, form)), k.sum() / n.sum(), len(rows))
        assert row["confidence"] == pytest.approx(1 - 0.05 / len(rows), abs=1e-6)
    assert {(row["layer"], row["head"]) for row in rows} == set(case.reported(label)) != set(HEADS)


@pytest.mark.thorough
@pytest.mark.parametrize("form", FORMS)
def test_the_best_heads_have_the_numbers_of_all_heads(case: Case, form: str) -> None:
    names = ("shuffled", *COLUMNS, "confidence", "note")
    rows = case.ask("best_heads", form=form, labels=["aa:L", "aa:A"], n=9)
    assert len(rows) == len(case.reported("aa:L")) + len(case.reported("aa:A"))
    for row in rows:
        same = case.ask("head_labels", label=row["label"], form=form)[row["place"] - 1]
        assert [row[name] for name in names] == [same[name] for name in names]


@pytest.mark.thorough
@pytest.mark.parametrize("form", FORMS)
def test_an_amino_acid_is_tested_over_all_proteins_those_without_it_included(case: Case, form: str) -> None:
    rows = case.ask("amino_acid_heads", form=form)
    assert len(rows) == 20 * (len(HEADS) - 1)
    for row in rows:
        label, at = f"aa:{row['residue']}", (row["layer"], row["head"])
        k, n, share = case.parts(label, at, form, whole=True)
        assert len(k) == row["n_proteins"] == len(case.sequences)
        assert row["shuffled"] == pytest.approx((n * share).sum() / n.sum(), abs=6e-5)
        agrees(row, COLUMNS, estimate(*case.beyond(label, at, form, whole=True)), k.sum() / n.sum(), len(rows))


@pytest.fixture(scope="module")
def alike(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    """Seven proteins of ten residues, three of them M; of a hundred edges forty go to M in every one."""
    root = tmp_path_factory.mktemp("alike") / "atlas"
    sequences = {letter: f"MKLVMKLVM{letter}" for letter in "ACDEFGH"}
    write_atlas(root, [SyntheticProtein(*pair) for pair in sequences.items()], n_layers=1, n_heads=1)
    sums: dict[str, Sums] = {"residue": {(0, 0): (100, 50.0, 80.0)}, "aa:M": {(0, 0): (40, 20.0, 30.0)}}
    probe(root, [(a, x, 3 if x == "aa:M" else 10, 10, sums[x]) for a in sequences for x in sums])
    with Atlas.open(root) as atlas:
        yield atlas


ASKED = [("head_labels", {"label": "aa:M"}), ("best_heads", {}), ("layers_of_label", {}), ("amino_acid_heads", {})]


def row_of_m(atlas: Atlas, name: str, **given: object) -> dict:
    (row,) = (r for r in atlas.ask(name, **given).to_pylist() if r.get("residue", "M") == "M")
    return row


@pytest.mark.parametrize(("name", "given"), ASKED)
def test_where_all_proteins_agree_the_error_is_that_of_chance(alike: Atlas, name: str, given: dict) -> None:
    """That seven proteins agree may be an accident: no test is surer than seven hundred edges drawn anew."""
    row = row_of_m(alike, name, **given)
    of = estimate([10] * 7, [100] * 7, [100 * 0.3 * 0.7] * 7)
    assert of.error == pytest.approx(math.sqrt(0.3 * 0.7 / 700))
    agrees(row, COLUMNS, of, 0.4, 1 if name != "amino_acid_heads" else len(alike.ask(name)))


@pytest.mark.parametrize(("name", "given"), each_nth_by_default(ASKED, 2))
@pytest.mark.parametrize("proteins", [["A"], ["A", "C", "D", "E"]])
def test_fewer_than_five_proteins_are_not_tested_and_the_row_says_so(
    alike: Atlas, name: str, given: dict, proteins: list[str]
) -> None:
    row = row_of_m(alike, name, proteins=proteins, **given)
    assert [row[column] for column in (*COLUMNS, "confidence")] == [None] * 5
    assert row["note"] == "fewer than 5 proteins"
    assert row_of_m(alike, name, **given)["note"] is None


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


@pytest.mark.parametrize("form", each_nth_by_default(FORMS, 3))
@pytest.mark.parametrize("label", ["aa:A", "aa:L"])
def test_the_interval_of_the_centre_is_that_of_a_jackknife(case: Case, label: str, form: str) -> None:
    rows = case.ask("layers_of_label", labels=label, form=form)
    n = rows[0]["n_proteins"]
    assert n == sum((a, label) in case.rows for a in case.sequences)
    left = [layer_means(case, label, form, i) for i in range(n)]
    whole = layer_means(case, label, form)

    def error(values: list[float]) -> float:
        return math.sqrt((n - 1) ** 2 / n) * float(np.std(values, ddof=1))

    for row in rows:
        assert row["mean_p"] == pytest.approx(whole[row["layer"]], abs=6e-5)
        reach = t.isf(0.025, n - 1) * error([centre_of(means) for means in left])
        assert row["centre"] == pytest.approx(centre_of(whole), abs=0.006)
        # The question has fewer effective proteins than 24, and moves the centre to first order.
        assert row["centre_high"] - row["centre_low"] == pytest.approx(2 * reach, rel=0.15, abs=0.011)


@pytest.mark.parametrize("form", FORMS)
def test_a_layer_is_tested_by_the_mean_over_its_heads(case: Case, form: str) -> None:
    rows = case.ask("layers_of_label", labels="aa:L", form=form)
    assert [row["layer"] for row in rows] == list(range(N_LAYERS))
    for row in rows:
        heads = [at for at in case.reported("aa:L") if at[0] == row["layer"]]
        parts = [case.beyond("aa:L", at, form) for at in heads]
        shuffled = np.mean(
            [(n * share).sum() / n.sum() for _, n, share in (case.parts("aa:L", a, form) for a in heads)]
        )
        assert row["shuffled"] == pytest.approx(shuffled, abs=6e-5)
        assert row["n_edges"] == sum(case.parts("aa:L", at, "count")[1].sum() for at in heads)

        # The mean of the heads' ratios without one protein after the other, and each protein's mean weight.
        size, beyond = len(parts[0][0]), np.mean([d.sum() / n.sum() for d, n, _ in parts])
        left = [
            np.mean([np.delete(d, i).sum() / np.delete(n, i).sum() for d, n, _ in parts]) - beyond for i in range(size)
        ]
        weights = np.mean([n / n.sum() for _, n, _ in parts], axis=0)
        by_chance = (np.mean([np.sqrt(v) / n.sum() for _, n, v in parts], axis=0) ** 2).sum()
        error = math.sqrt(max((size - 1) / size * np.square(left).sum(), by_chance))
        of = Estimate(float(beyond), error, float(1 / np.square(weights).sum() - 1))
        agrees(row, COLUMNS, of, row["mean_p"], len(rows), rounding=1.2e-4)


# BLOSUM62


def matrices(rows: list[dict]) -> tuple[Array, Array]:
    """Return the 20 x 20 correlations of heads and the scores of Biopython's matrix, diagonals empty."""
    blosum, correlations = substitution_matrices.load("BLOSUM62"), np.full((20, 20), np.nan)
    for row in rows:
        i, j = LETTERS.index(row["first"]), LETTERS.index(row["second"])
        correlations[i, j] = correlations[j, i] = row["correlation"]
    scores = np.array([[blosum[a][b] if a != b else np.nan for b in LETTERS] for a in LETTERS], float)
    return correlations, scores


def correlation(found: Array, scores: Array, letters: Array) -> float:
    upper = np.triu_indices(len(letters), 1)
    return float(pearsonr(found[np.ix_(letters, letters)][upper], scores[np.ix_(letters, letters)][upper]).statistic)


def test_the_interval_of_r_leaves_out_one_amino_acid_after_the_other(case: Case) -> None:
    rows = case.ask("blosum_correlation", form="mass")
    assert len(rows) == 20 * 19 / 2
    correlations, scores = matrices(rows)
    r = correlation(correlations, scores, np.arange(20))
    left = [math.atanh(correlation(correlations, scores, np.delete(np.arange(20), i))) for i in range(20)]
    half = t.isf(0.025, 19) * math.sqrt(19 * np.var(left))
    for row in rows:
        assert row["r"] == pytest.approx(r, abs=2e-4)
        bounds = math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)
        assert (row["r_low"], row["r_high"]) == pytest.approx(bounds, abs=2e-3)


def test_the_p_value_of_r_is_of_the_same_error_as_its_interval(case: Case) -> None:
    rows = case.ask("blosum_correlation")
    correlations, scores = matrices(rows)
    left = [math.atanh(correlation(correlations, scores, np.delete(np.arange(20), i))) for i in range(20)]
    error = math.sqrt(19 * np.var(left))
    of = Estimate(math.atanh(correlation(correlations, scores, np.arange(20))), error, 19)
    assert [row["log10_p"] for row in rows] == [near(of.log10_p(1))] * len(rows)
    assert (rows[0]["r_low"] <= 0 <= rows[0]["r_high"]) == (of.log10_p(1) > math.log10(0.05))


# Labels at random


@pytest.mark.thorough
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
        answer = atlas.ask("head_labels", label="Site").to_pylist()
    assert len(answer) == len(heads)
    over_proteins = np.mean([abs(row["proteins_t"]) > t.isf(0.025, n_proteins - 1) for row in answer])  # uncorrected
    over_edges = np.mean([abs(row["z"]) > 1.96 for row in answer])
    assert 0.01 < over_proteins < 0.09
    assert over_edges > 0.2
    covered = np.mean([row["proteins_low"] <= row["shuffled"] <= row["proteins_high"] for row in answer])
    assert covered > 0.99  # all at once
    assert min(row["proteins_log10_p"] for row in answer) > math.log10(0.05)
