"""Questions on heads and labels, against scipy, statsmodels and sums by hand over random rows, subsets included."""

import math
import random
import statistics
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.annotated import Sums, annotate, probe
from helpers.default_cases import each_nth_by_default
from helpers.handmade import hand, write_handmade
from helpers.jackknife_oracle import agrees, estimate
from helpers.synthetic import SyntheticProtein, write_atlas
from scipy.stats import t, ttest_1samp
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint, proportions_ztest

from attlas.queries import Atlas

pytestmark = pytest.mark.slow

LETTERS = "ACDEFGHIKLMNPQRSTVWY"
N_LAYERS, N_HEADS = 3, 4
HEADS = [(layer, head) for layer in range(N_LAYERS) for head in range(N_HEADS)]
LABELS = ("Active site", "Binding site", "aa:C")
FORMS = ("count", "weighted", "mass")


class Case:
    """Thirty random proteins, six of them twice, with what each of three labels and all residues receive."""

    def __init__(self, root: Path) -> None:
        choose = random.Random(5)
        sequences = ["".join(choose.choices(LETTERS, k=choose.randint(30, 120))) for _ in range(30)]
        self.sequences = {f"R{i:02d}": s for i, s in enumerate(sequences)}
        self.sequences |= {f"T{i:02d}": s for i, s in enumerate(sequences[:6])}
        self.rows: dict[tuple[str, str], tuple[int, int, Sums]] = {}
        for accession, sequence in self.sequences.items():
            n = len(sequence)
            self.rows[accession, "residue"] = n, n, {at: self.whole(at, n, choose) for at in HEADS}
            for label in choose.sample(LABELS, choose.randint(1, 3)):
                # Every fifth protein carries its label everywhere: it has no AUC.
                n_labelled = n if choose.random() < 0.2 else choose.randint(1, n // 4)
                self.rows[accession, label] = n_labelled, n, self.part(accession, n_labelled == n, choose)
        write_atlas(root, [SyntheticProtein(a, s) for a, s in self.sequences.items()], n_layers=3, n_heads=4)
        annotate(root, [("R00", "Active site", 1, 1)])
        probe(root, [(a, label, *values) for (a, label), values in self.rows.items()])
        self.atlas = Atlas.open(root)

    def whole(self, at: tuple[int, int], n: int, choose: random.Random) -> tuple[int, float, float, None]:
        k = 1 if at == (2, 3) else choose.randint(20, 60)  # the last head has too few edges to be reported
        return k, k * 0.5, n * choose.uniform(0.7, 1), None

    def part(self, accession: str, is_whole: bool, choose: random.Random) -> Sums:
        sums: Sums = {}
        for at, (k, edge_mass, mass, _) in self.rows[accession, "residue"][2].items():
            share = choose.uniform(0, 0.3)
            area = None if is_whole else min(max(choose.gauss(0.5 + 0.03 * sum(at), 0.15), 0), 1)
            sums[at] = int(k * share), edge_mass * share, mass * share, area
        return sums

    def chosen(self, label: str, chosen_accessions: list[str] | None = None, *, has_auc: bool = False) -> list[str]:
        """Return the first accession of each sequence that carries the label."""
        accession_of: dict[str, str] = {}
        for (accession, row_label), (n_labelled, n, _) in sorted(self.rows.items()):
            if (
                row_label == label
                and (chosen_accessions is None or accession in chosen_accessions)
                and not (has_auc and n_labelled == n)
            ):
                accession_of.setdefault(self.sequences[accession], accession)
        return list(accession_of.values())

    def sums(
        self, label: str, at: tuple[int, int], form: str, chosen_accessions: list[str] | None = None
    ) -> tuple[float, float]:
        """Return the attention that the label and that all residues receive, over the chosen proteins."""
        names, which = self.chosen(label, chosen_accessions), FORMS.index(form)
        k, n = (sum(self.rows[a, x][2][at][which] for a in names) for x in (label, "residue"))
        return float(k), float(n)

    def background(self, label: str, chosen_accessions: list[str] | None = None) -> tuple[int, int]:
        rows = [self.rows[a, label] for a in self.chosen(label, chosen_accessions)]
        return sum(row[0] for row in rows), sum(row[1] for row in rows)

    def ask(self, name: str, **given: object) -> list[dict]:
        return self.atlas.ask(name, **given).to_pylist()


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    case = Case(tmp_path_factory.mktemp("heads") / "atlas")
    yield case
    case.atlas.close()


# AUC of heads


def areas(
    case: Case, label: str, at: tuple[int, int], chosen_accessions: list[str] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the AUC of each protein and its pairs."""
    rows = [case.rows[a, label] for a in case.chosen(label, chosen_accessions, has_auc=True)]
    return np.array([row[2][at][3] for row in rows]), np.array([row[0] * (row[1] - row[0]) for row in rows], float)


@pytest.mark.parametrize("label", LABELS)
def test_the_auc_of_a_head_is_a_t_test_of_scipy_over_proteins(case: Case, label: str) -> None:
    rows = case.ask("head_auc", labels=[label])
    assert {(row["layer"], row["head"]) for row in rows} == set(HEADS)
    for row in rows:
        values, _ = areas(case, label, (row["layer"], row["head"]))
        names = case.chosen(label, has_auc=True)
        assert row["n_proteins"] == len(values) == len(names)
        assert row["n_labelled"] == sum(case.rows[a, label][0] for a in names)
        assert row["n_residues"] == sum(case.rows[a, label][1] for a in names)
        test = ttest_1samp(values, 0.5)
        assert row["auc"] == pytest.approx(values.mean(), abs=6e-5)
        assert row["t"] == pytest.approx(test.statistic, abs=0.006)
        expected = min(math.log10(test.pvalue * len(HEADS)), 0)
        assert row["log10_p"] == pytest.approx(expected, abs=0.01 + 0.005 * abs(expected))
        low, high = test.confidence_interval(1 - 0.05 / len(HEADS))
        assert (row["auc_low"], row["auc_high"]) == pytest.approx((low, high), abs=2e-3)
        assert row["n_heads"] == len(HEADS)
    assert min(row["log10_p"] for row in rows) < -1
    assert [row["auc"] for row in rows] == sorted((row["auc"] for row in rows), reverse=True)


@pytest.mark.parametrize("label", LABELS)
def test_the_correction_is_that_of_statsmodels(case: Case, label: str) -> None:
    rows = case.ask("head_auc", labels=label)
    raw = [ttest_1samp(areas(case, label, (row["layer"], row["head"]))[0], 0.5).pvalue for row in rows]
    corrected = multipletests(raw, method="bonferroni")[1]
    assert len(rows) == len(HEADS)
    assert [10 ** row["log10_p"] for row in rows] == pytest.approx(corrected.tolist(), rel=0.05)


def test_pairs_weigh_proteins_by_their_pairs(case: Case) -> None:
    rows = case.ask("head_auc", labels=list(LABELS), weights="pairs")
    assert len(rows) == len(LABELS) * len(HEADS)
    for row in rows:
        values, weights = areas(case, row["label"], (row["layer"], row["head"]))
        mean = np.average(values, weights=weights)
        assert row["auc"] == pytest.approx(mean, abs=6e-5)
        of = estimate(weights * (values - 0.5), weights)
        agrees(row, ("auc_low", "auc_high", "t", "log10_p"), of, mean, len(HEADS))


def test_the_auc_of_some_proteins_is_theirs_alone(case: Case) -> None:
    accessions = ["R01", "R02", "T03", "R03", "R11", "R12", "R20", "T05"]
    rows = case.ask("head_auc", labels="Active site", proteins=accessions, min_proteins=1)
    assert rows
    for row in rows:
        values, _ = areas(case, "Active site", (row["layer"], row["head"]), accessions)
        assert (row["n_proteins"], row["auc"]) == (len(values), pytest.approx(values.mean(), abs=6e-5))
    assert case.ask("head_auc", labels="Active site", proteins=accessions, min_proteins=len(values) + 1) == []


def test_every_probed_label_has_an_auc_but_that_of_all_residues(case: Case) -> None:
    assert {row["label"] for row in case.ask("head_auc")} == set(LABELS)


@pytest.mark.parametrize("numbers", [[1.0], [0.8, 0.8, 0.8]])
def test_without_a_spread_there_is_no_test(tmp_path: Path, numbers: list[float]) -> None:
    names = [chr(ord("A") + i) for i in range(len(numbers))]
    write_handmade(tmp_path / "atlas", [hand(a, "M" * (10 + i)) for i, a in enumerate(names)])
    rows = [(a, "Site", 1, 10, {(0, 0): (0, 0, 0, x)}) for a, x in zip(names, numbers, strict=True)]
    probe(tmp_path / "atlas", rows)
    with Atlas.open(tmp_path / "atlas") as atlas:
        (row,) = atlas.ask("head_auc", labels="Site", min_proteins=1).to_pylist()
    assert row["auc"] == pytest.approx(numbers[0])
    assert [row[name] for name in ("auc_low", "auc_high", "t", "log10_p")] == [None] * 4


@pytest.mark.parametrize("n", each_nth_by_default([5, 8, 30, 200], 3))
@pytest.mark.parametrize("mean", each_nth_by_default([0.5, 0.6, 0.75], 2))
def test_few_proteins_are_judged_by_students_t(tmp_path: Path, n: int, mean: float) -> None:
    """Also with 5 proteins, where the normal's p would be a hundred times too small."""
    choose = random.Random(n)
    numbers = [min(max(choose.gauss(mean, 0.1), 0), 1) for _ in range(n)]
    proteins = [SyntheticProtein(f"P{i:03d}", "".join(choose.choices(LETTERS, k=12))) for i in range(n)]
    write_atlas(tmp_path / "atlas", proteins)
    probe(
        tmp_path / "atlas",
        [(p.accession, "S", 1, 12, {(0, 0): (0, 0, 0, x)}) for p, x in zip(proteins, numbers, strict=True)],
    )
    with Atlas.open(tmp_path / "atlas") as atlas:
        (row,) = atlas.ask("head_auc", labels="S").to_pylist()
    test = ttest_1samp(numbers, 0.5)
    log10_p = (t.logsf(abs(test.statistic), n - 1) + math.log(2)) / math.log(10)
    assert row["log10_p"] == pytest.approx(min(log10_p, 0), abs=0.006 + 0.001 * abs(log10_p))
    low, high = test.confidence_interval(0.95)
    assert (row["auc_low"], row["auc_high"]) == pytest.approx((low, min(high, 1)), abs=0.001 * (high - low) + 6e-5)


# Shares of heads


@pytest.mark.parametrize("label", LABELS)
def test_intervals_and_tests_of_shares_are_those_of_statsmodels(case: Case, label: str) -> None:
    rows = case.ask("head_labels", label=label)
    assert {(row["layer"], row["head"]) for row in rows} == set(HEADS[:-1])
    with_it, residues = case.background(label)
    raw = []
    for row in rows:
        k, n = case.sums(label, (row["layer"], row["head"]), "count")
        low, high = proportion_confint(k, n, alpha=0.05 / len(rows), method="wilson")
        assert (row["wilson_low"], row["wilson_high"]) == pytest.approx((low, high), abs=1e-4)
        z, p = proportions_ztest([k, with_it], [n, residues])
        assert row["z"] == pytest.approx(z, abs=0.006)
        raw.append(p)
    corrected = multipletests(raw, method="bonferroni")[1]
    assert [10 ** row["log10_p"] for row in rows] == pytest.approx(corrected.tolist(), rel=0.02)


@pytest.mark.thorough
@pytest.mark.parametrize("form", FORMS)
def test_some_proteins_give_the_sums_by_hand(case: Case, form: str) -> None:
    """Every question on heads and labels, asked of a subset, with the second accession of some sequences."""
    accessions = ["R00", "T00", "T01", "R05", "R09", "R13", "R17", "R21", "R25", "R29"]
    given = {"proteins": accessions, "form": form, "min_edges": 0}
    for label in LABELS:
        with_it, residues = case.background(label, accessions)
        by_head = {at: case.sums(label, at, form, accessions) for at in HEADS}
        shares = {at: k / n for at, (k, n) in by_head.items()}
        rows = case.ask("head_labels", label=label, **given)
        assert {(row["layer"], row["head"]): row["p"] for row in rows} == pytest.approx(shares, abs=6e-5)
        assert [row["background"] for row in rows] == pytest.approx([with_it / residues] * len(rows), abs=6e-5)
        assert {row["n_proteins"] for row in rows} == {len(case.chosen(label, accessions))}
        (best,) = case.ask("best_heads", labels=label, **given)
        assert best["p"] == pytest.approx(max(shares.values()), abs=6e-5)
        assert shares[best["layer"], best["head"]] == max(shares.values())
        layers = case.ask("layers_of_label", labels=label, **given)
        means = [statistics.fmean(shares[layer, head] for head in range(N_HEADS)) for layer in range(N_LAYERS)]
        assert [row["mean_p"] for row in layers] == pytest.approx(means, abs=6e-5)
        assert [row["best_p"] for row in layers] == pytest.approx(
            [max(shares[layer, head] for head in range(N_HEADS)) for layer in range(N_LAYERS)], abs=6e-5
        )
        centre = sum(layer * mean for layer, mean in enumerate(means)) / sum(means)
        assert [row["centre"] for row in layers] == pytest.approx([centre] * len(layers), abs=0.006)


def test_a_layer_is_the_mean_of_the_heads_that_are_reported(case: Case) -> None:
    rows = case.ask("layers_of_label", labels=list(LABELS))
    assert len(rows) == len(LABELS) * N_LAYERS
    for row in rows:
        reported = [at for at in HEADS[:-1] if at[0] == row["layer"]]
        shares = [k / n for k, n in (case.sums(row["label"], at, "count") for at in reported)]
        assert (row["n_heads"], row["mean_p"]) == (len(reported), pytest.approx(statistics.fmean(shares), abs=6e-5))


def test_the_label_of_every_residue_is_not_tested(case: Case) -> None:
    rows = case.ask("head_labels", label="residue")
    assert len(rows) == len(HEADS[:-1])
    for row in rows:
        assert (row["p"], row["background"], row["z"], row["log10_p"]) == (1, 1, None, None)
