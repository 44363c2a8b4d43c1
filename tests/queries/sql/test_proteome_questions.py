"""Questions that a whole proteome answers - repeats, zinc sites, the N terminus, families - against NumPy and scipy."""

import itertools
import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from helpers.annotated import annotate, assign, link, probe, sequence_ids
from helpers.contact_case import MadeChain, add_chains, walk
from helpers.synthetic import SyntheticProtein, write_atlas
from helpers.table_files import add_rows
from scipy.stats import binomtest, hypergeom, mannwhitneyu, pearsonr, ttest_1samp

from attlas.queries import Atlas
from attlas.queries.asking.questions import question_named
from attlas.schema import FEATURES, HEAD_PERIODS

pytestmark = pytest.mark.slow

LETTERS = "ACDEFGHIKLMNPQRSTVWY"
N_LAYERS, N_HEADS = 3, 2
HEADS = [(layer, head) for layer in range(N_LAYERS) for head in range(N_HEADS)]
PERIODS = (5, 7, 10, 12)
N_PROTEINS = 30


class Case:
    """Thirty random proteins, one of them twice, with repeats, zinc sites and families at random."""

    def __init__(self, root: Path) -> None:
        choose = random.Random(11)
        self.sequences = {f"R{i:02d}": "M" + "".join(choose.choices(LETTERS + "HHM", k=choose.randint(39, 80)))
                          for i in range(N_PROTEINS)}  # fmt: skip
        self.sequences["T00"] = self.sequences["R00"]
        write_atlas(
            root, [SyntheticProtein(a, s) for a, s in self.sequences.items()], n_layers=N_LAYERS, n_heads=N_HEADS
        )

        # A third have repeats, most of them at one of the periods; R09 has but one, R10 none at a period of the probe.
        self.begins = {a: self._place_repeats(i, choose) for i, a in enumerate(self.sequences) if i < 11 or a == "T00"}
        spans = [(a, "Repeat", begin, begin + 3) for a, begins in self.begins.items() for begin in begins]
        annotate(root, spans)
        self.zinc = {a: self._choose_zinc(s, choose) for a, s in self.sequences.items() if a != "T00"}
        self._describe(root)
        self.periods = self._add_periods(root, choose)
        self.masses = self._probe(root, choose)
        self._assign(root, choose)
        self.atlas = Atlas.open(root)

    def _place_repeats(self, index: int, choose: random.Random) -> list[int]:
        if index == 9:
            return [4]
        period = 6 if index == 10 else PERIODS[index % 3]
        return [2, 2 + period, 2 + 2 * period, 2 + 2 * period + choose.randint(3, 4)]

    def _choose_zinc(self, sequence: str, choose: random.Random) -> list[int]:
        histidines = [i for i, letter in enumerate(sequence, 1) if letter == "H"]
        return choose.sample(histidines, min(len(histidines), choose.randint(0, 2)))

    def _describe(self, root: Path) -> None:
        ids, rows = sequence_ids(root), []
        for accession, positions in self.zinc.items():
            descriptions = [("Zn(2+)", p) for p in positions[:1]] + [("Zn(2+) 1; catalytic", p) for p in positions[1:]]
            other = self.sequences[accession].index("H") + 1 if "H" in self.sequences[accession] else 1
            for description, position in [*descriptions, ("Zn(2+)x", other), ("ATP", other)]:
                row = {"accession": accession, "sequence_id": ids[accession], "type": "Binding site"}
                row |= {"begin": position, "end": position, "description": description, "evidence": None}
                rows.append({**row, "source": "zinc"})
            if positions:
                row = {"accession": accession, "sequence_id": ids[accession], "evidence": None, "source": "zinc"}
                rows += [{**row, "type": "Zinc histidine", "begin": p, "end": p, "description": ""} for p in positions]
        add_rows(root, FEATURES, rows, "zinc")

    def _add_periods(self, root: Path, choose: random.Random) -> dict[tuple[str, int, int, int], tuple[float, float]]:
        ids, sums, rows = sequence_ids(root), {}, []
        for accession in self.sequences:
            if accession == "T00":
                continue
            for period in PERIODS:
                for layer, head in HEADS:
                    # Head 2-1 compares repeats.
                    has_period = (layer, head) == (2, 1) and period in np.diff(self.begins.get(accession, [])).tolist()
                    values = tuple(choose.uniform(1, 4) + 6 * has_period for _ in range(2))
                    sums[accession, period, layer, head] = values
                    row = {"sequence_id": ids[accession], "period": period, "layer": layer, "head": head}
                    rows.append({**row, "before": values[0], "after": values[1]})
        add_rows(root, HEAD_PERIODS, rows, "periods")
        return sums

    def _probe(self, root: Path, choose: random.Random) -> dict[tuple[str, str], dict[tuple[int, int], float]]:
        masses, rows = {}, []
        for accession, positions in self.zinc.items():
            sequence = self.sequences[accession]
            numbers = {"residue": len(sequence), "aa:H": sequence.count("H"), "Zinc histidine": len(positions)}
            protein_masses: dict[str, dict[tuple[int, int], float]] = {name: {} for name in numbers}
            for layer, head in HEADS:
                received = [choose.uniform(0.5, 1.5) + (i in positions) * layer for i in range(1, len(sequence) + 1)]
                protein_masses["residue"][layer, head] = sum(received)
                protein_masses["aa:H"][layer, head] = sum(
                    x for x, letter in zip(received, sequence, strict=True) if letter == "H"
                )
                protein_masses["Zinc histidine"][layer, head] = sum(received[i - 1] for i in positions)
            for name, n in numbers.items():
                if n:
                    masses[accession, name] = protein_masses[name]
                    sums = {at: (1, 0.5, mass, None) for at, mass in protein_masses[name].items()}
                    rows.append((accession, name, n, len(sequence), sums))
        probe(root, rows)
        return masses

    def _assign(self, root: Path, choose: random.Random) -> None:
        names = [a for a in self.sequences if a != "T00"]
        self.families = {f"PF{k}": choose.sample(names, n) for k, n in enumerate((4, 9, 14, 20))}
        self.clusters = {a: f"c{choose.randint(0, 12)}" for a in names if choose.random() < 0.8}
        assigned = [(a, "Pfam", family) for family, members in self.families.items() for a in members]
        assign(root, [*assigned, *((a, "cluster80", cluster) for a, cluster in self.clusters.items())])

    def profile(self, accession: str) -> np.ndarray:
        """Return the attention that each residue receives, (N, L)."""
        rows = self.atlas.sql(f"SELECT received FROM residues WHERE accession = '{accession}' ORDER BY position")
        return np.array(rows["received"].to_pylist(), float)

    def ask(self, name: str, **given: object) -> list[dict]:
        return self.atlas.ask(name, **given).to_pylist()


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    case = Case(tmp_path_factory.mktemp("proteome") / "atlas")
    yield case
    case.atlas.close()


def agrees_with_scipy(row: dict, names: Sequence[str], values: Sequence[float], null: float, n_tests: int) -> None:
    """Check low, high and log10_p of a row against a t test of the values, corrected for the tests."""
    test = ttest_1samp(values, null)
    low, high = test.confidence_interval(1 - 0.05 / n_tests)
    bounds = (0, 1) if null == 0.5 else (-math.inf, math.inf)
    expected = min(math.log10(test.pvalue * n_tests), 0)
    assert (row[names[0]], row[names[1]]) == pytest.approx((max(low, bounds[0]), min(high, bounds[1])), abs=2e-3)
    assert row["log10_p"] == pytest.approx(expected, abs=0.01 + 0.005 * abs(expected))
    assert row["t"] == pytest.approx(test.statistic, abs=0.006)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        *((name, {}) for name in ("repeats", "repeat_proteins", "zinc_histidines", "n_terminal_register")),
        ("label_in_letter", {"label": "Zinc histidine", "residue": "H"}),
        ("family_convergence", {"min_clusters": 1}),
    ],
)
def test_the_grain_is_that_of_the_rows(case: Case, name: str, given: dict[str, object]) -> None:
    rows = case.ask(name, **given)
    keys = [tuple(row[column] for column in question_named(name).grain) for row in rows]
    assert len(keys) > 2
    assert len(set(keys)) == len(keys)


# Repeats


def repeats_of(case: Case) -> dict[str, tuple[int, int, set[int]]]:
    """Return period, neighbours at it, and all distances of copies, of the proteins whose period was probed."""
    repeats = {}
    for accession, begins in case.begins.items():
        if accession == "T00" or len(begins) < 2:
            continue
        counts = Counter(np.diff(begins).tolist())
        period = min(counts, key=lambda distance: (-counts[distance], distance))
        distances = {b - a for a in begins for b in begins if b > a}
        if period in PERIODS:
            repeats[accession] = period, counts[period], distances
    return repeats


def excess(case: Case, accession: str, period: int, at: tuple[int, int]) -> tuple[float, float]:
    """Return the weight at a period, mean of before and after, and its background."""
    plain = [a for a in case.sequences if a not in case.begins]

    def weight(of: str) -> float:
        return sum(case.periods[of, period, *at]) / 2 / (len(case.sequences[of]) - period)

    return weight(accession), float(np.mean([weight(a) for a in plain]))


def test_repeats_are_compared_with_other_periods_and_with_proteins_without_them(case: Case) -> None:
    repeats = repeats_of(case)
    rows = case.ask("repeats")
    assert {(row["layer"], row["head"]) for row in rows} == set(HEADS)
    for row in rows:
        at = row["layer"], row["head"]
        logarithms, others = [], []
        for accession, (period, _, distances) in repeats.items():
            weight, background = excess(case, accession, period, at)
            nulls = [excess(case, accession, other, at) for other in PERIODS if other not in distances]
            logarithms.append(np.log(weight / background) - np.mean([np.log(w / b) for w, b in nulls]))
            others.append(np.mean([w for w, _ in nulls]))
        assert row["n_proteins"] == len(repeats) == 9
        assert row["n_background"] == N_PROTEINS - 11
        assert row["ratio"] == pytest.approx(np.exp(np.mean(logarithms)), abs=6e-4)
        assert row["others"] == pytest.approx(np.mean(others), abs=1e-5)
        bounds = {name: np.log(row[name]) for name in ("ratio_low", "ratio_high")}
        agrees_with_scipy(row | bounds, ("ratio_low", "ratio_high"), logarithms, 0, len(HEADS))
    assert (rows[0]["layer"], rows[0]["head"]) == (2, 1)
    assert rows[0]["log10_p"] < -1.3
    assert rows[0]["ratio_low"] > 1


def test_both_directions_of_repeats_stand_by_themselves(case: Case) -> None:
    for row in case.ask("repeats"):
        for direction, name in enumerate(("before", "after")):
            weights = [
                case.periods[a, period, row["layer"], row["head"]][direction] / (len(case.sequences[a]) - period)
                for a, (period, _, _) in repeats_of(case).items()
            ]
            assert row[name] == pytest.approx(np.mean(weights), abs=1e-5)


def test_each_protein_of_repeats_is_judged_by_the_head_that_the_others_choose(case: Case) -> None:
    repeats = repeats_of(case)
    rows = {row["accession"]: row for row in case.ask("repeat_proteins")}
    assert set(rows) == set(repeats)
    for accession, (period, n_at_period, distances) in repeats.items():
        row = rows[accession]
        assert (row["period"], row["n_at_period"], row["n_copies"]) == (period, n_at_period, 4)
        sums = {
            at: sum(np.subtract(*excess(case, a, repeats[a][0], at)) for a in repeats if a != accession) for at in HEADS
        }
        best = max(sums, key=sums.__getitem__)
        assert (row["layer"], row["head"]) == best
        ratios = {p: np.divide(*excess(case, accession, p, best)) for p in PERIODS if p == period or p not in distances}
        order = sorted(ratios, key=ratios.__getitem__, reverse=True)
        assert (row["n_periods"], row["rank"], row["strongest_period"]) == (
            len(ratios), order.index(period) + 1, order[0],
        )  # fmt: skip
        assert row["ratio"] == pytest.approx(ratios[period], abs=0.006)
    assert np.mean([row["rank"] == 1 for row in rows.values()]) > 0.5


def test_fewer_copies_at_the_period_than_asked_for_leave_a_protein_out(case: Case) -> None:
    rows = case.ask("repeat_proteins", min_at_period=2)
    assert {row["accession"] for row in rows} == {a for a, (_, n, _) in repeats_of(case).items() if n >= 2}
    assert case.ask("repeat_proteins", min_at_period=9) == []
    assert case.ask("repeats", min_at_period=9) == []


# Zinc histidines


def auc_between(numbers: np.ndarray, other_numbers: np.ndarray) -> float:
    """Return the chance that a number is above one of the others."""
    return float(mannwhitneyu(numbers, other_numbers).statistic / (len(numbers) * len(other_numbers)))


@pytest.mark.thorough
def test_zinc_histidines_are_compared_with_the_other_histidines_of_their_protein(case: Case) -> None:
    aucs: dict[tuple[int, str], list[float]] = defaultdict(list)
    received: dict[int, list[float]] = defaultdict(list)
    numbers = np.zeros(2, int)
    for accession, positions in case.zinc.items():
        letters = np.array(list(case.sequences[accession]))
        is_site = np.isin(np.arange(1, len(letters) + 1), positions)
        is_other = (letters == "H") & ~is_site
        if not is_site.any() or not is_other.any():
            continue
        numbers += is_site.sum(), is_other.sum()
        for layer, profile in enumerate(case.profile(accession).T):
            aucs[layer, "auc"].append(auc_between(profile[is_site], profile[is_other]))
            aucs[layer, "auc_residues"].append(auc_between(profile[is_site], profile[letters != "H"]))
            aucs[layer, "auc_letter"].append(auc_between(profile[is_other], profile[letters != "H"]))
            received[layer].append(profile[is_site].mean() / profile.mean())

    rows = case.ask("zinc_histidines")
    assert [row["layer"] for row in rows] == list(range(N_LAYERS))
    for row in rows:
        assert (row["n_sites"], row["n_others"]) == tuple(numbers)
        for name in ("auc", "auc_residues", "auc_letter"):
            assert row[name] == pytest.approx(np.mean(aucs[row["layer"], name]), abs=6e-5)
        assert row["sites_received"] == pytest.approx(np.mean(received[row["layer"]]), abs=6e-4)
        agrees_with_scipy(row, ("auc_low", "auc_high"), aucs[row["layer"], "auc"], 0.5, N_LAYERS)


def test_another_ligand_has_other_sites(case: Case) -> None:
    assert case.ask("zinc_histidines", ligand="Fe(3+)") == []
    assert case.ask("zinc_histidines", ligand="ATP")[0]["n_sites"] == sum("H" in case.sequences[a] for a in case.zinc)


@pytest.mark.thorough
def test_a_second_shell_is_what_structures_show_around_histidines_that_bind(tmp_path: Path) -> None:
    """Against pairs of residues in plain Python, of five proteins; of four the row says that they are too few."""
    choose = random.Random(5)
    sequences = {f"Z{i}": "".join(choose.choices("HDEAK", k=50)) for i in range(5)}
    root = tmp_path / "atlas"
    write_atlas(root, [SyntheticProtein(a, s) for a, s in sequences.items()], n_layers=2, n_heads=2)
    chains = [MadeChain(a, "made.cif", "A", walk(len(s), choose, missing=0.1)) for a, s in sequences.items()]
    add_chains(root, chains)
    zinc = {a: [i for i, letter in enumerate(s, 1) if letter in "HD"][::2] for a, s in sequences.items()}
    ids = sequence_ids(root)
    site = {"type": "Binding site", "description": "Zn(2+)", "evidence": None, "source": "zinc"}
    rows = [{**site, "accession": a, "sequence_id": ids[a], "begin": i, "end": i} for a in zinc for i in zinc[a]]
    add_rows(root, FEATURES, rows, "zinc")
    links = {
        a: {(layer, head, i, j): choose.uniform(0.1, 0.5) for layer in range(2) for head in range(2)
            for i, j in choose.sample([(i, j) for i in range(1, 51) for j in range(1, 51) if i != j], 400)}
        for a in sequences
    }  # fmt: skip
    link(root, links)

    means: dict[tuple[int, bool, bool], list[float]] = defaultdict(list)
    n_pairs = 0
    for chain in chains:
        letters, places = sequences[chain.accession], chain.points("cb")
        for layer in range(2):
            weights: dict[tuple[bool, bool], list[float]] = defaultdict(list)
            for i, j in itertools.permutations(places, 2):
                if letters[i - 1] != "H" or letters[j - 1] not in "DE" or j in zinc[chain.accession] or abs(i - j) < 6:
                    continue
                given = sum(links[chain.accession].get((layer, head, i, j), 0) for head in range(2))
                weights[i in zinc[chain.accession], math.dist(places[i], places[j]) <= 10].append(given)
            for kind, values in weights.items():
                means[(layer, *kind)].append(float(np.mean(values)))
            n_pairs += len(weights[True, True]) * (layer == 0)

    with Atlas.open(root) as atlas:
        rows = atlas.ask("zinc_second_shell").to_pylist()
        few = atlas.ask("zinc_second_shell", proteins=["Z0", "Z1", "Z2", "Z3"]).to_pylist()
    assert [row["layer"] for row in rows] == [0, 1]
    for row in rows:
        near, far, others_near, others_far = (
            means[row["layer"], is_site, is_near] for is_site in (True, False) for is_near in (True, False)
        )
        assert (row["n_proteins"], row["n_pairs"]) == (5, n_pairs)
        for name, values in (("near", near), ("far", far), ("others_near", others_near), ("others_far", others_far)):
            assert row[name] == pytest.approx(np.mean(values), abs=6e-6)
        assert row["ratio"] == pytest.approx(np.mean(near) / np.mean(far), abs=0.006)
        differences = (np.array(near) - np.array(far)).tolist()
        agrees_with_scipy(row, ("difference_low", "difference_high"), differences, 0.0, 2)
    assert {row["note"] for row in few} == {"fewer than 5 proteins"}
    assert {row["log10_p"] for row in few} == {None}


def test_a_label_is_compared_with_its_letter_head_by_head(case: Case) -> None:
    rows = case.ask("label_in_letter", label="Zinc histidine", residue="h")
    assert {(row["layer"], row["head"]) for row in rows} == set(HEADS)
    for row in rows:
        at, differences, firsts = (row["layer"], row["head"]), [], []
        for accession, positions in case.zinc.items():
            sequence = case.sequences[accession]
            n_others = sequence.count("H") - len(positions)
            if not positions or not n_others:
                continue
            mean = case.masses[accession, "residue"][at] / len(sequence)
            labelled = case.masses[accession, "Zinc histidine"][at]
            firsts.append(labelled / len(positions) / mean)
            differences.append(firsts[-1] - (case.masses[accession, "aa:H"][at] - labelled) / n_others / mean)
        assert row["n_proteins"] == len(differences)
        assert row["label_received"] == pytest.approx(np.mean(firsts), abs=6e-4)
        assert row["difference"] == pytest.approx(np.mean(differences), abs=6e-4)
        agrees_with_scipy(row, ("difference_low", "difference_high"), differences, 0, len(HEADS))
    assert case.ask("label_in_letter", label="Zinc histidine", residue="K") == []


# The N terminus


def test_the_first_residue_is_compared_with_the_methionines_of_its_protein(case: Case) -> None:
    values: dict[tuple[int, str], list[float]] = defaultdict(list)
    heads = case.atlas.sql("SELECT accession, layer, avg(cls_share) AS share FROM heads GROUP BY ALL").to_pylist()
    shares = {(row["accession"], row["layer"]): row["share"] for row in heads}
    for accession, sequence in case.sequences.items():
        others = [i for i, letter in enumerate(sequence) if letter == "M" and i >= 5]
        if accession == "T00" or not others:
            continue
        for layer, profile in enumerate(case.profile(accession).T):
            values[layer, "auc"].append(auc_between(profile[:1], profile[others]))
            values[layer, "auc_of_five"].append(auc_between(profile[1:5], profile[5:]))
            values[layer, "first"].append(profile[0] / profile.mean())
            values[layer, "first_five"].append(profile[:5].mean() / profile.mean())
            values[layer, "methionines"].append(profile[others].mean() / profile.mean())
            values[layer, "cls_share"].append(shares[accession, layer])

    rows = case.ask("n_terminal_register")
    assert [row["layer"] for row in rows] == list(range(N_LAYERS))
    for row in rows:
        for name in ("auc", "auc_of_five", "first", "first_five", "methionines", "cls_share"):
            assert row[name] == pytest.approx(np.mean(values[row["layer"], name]), abs=6e-4)
        assert row["n_sequences"] == len(values[row["layer"], "auc"])
        expected = pearsonr(values[row["layer"], "first"], values[row["layer"], "cls_share"]).statistic
        assert row["r_cls"] == pytest.approx(expected, abs=6e-4)
        agrees_with_scipy(row, ("auc_low", "auc_high"), values[row["layer"], "auc"], 0.5, N_LAYERS)


# Families


def commonest(layers: Sequence[int]) -> int:
    counts = Counter(layers)
    return min(counts, key=lambda layer: (-counts[layer], layer))


@pytest.mark.parametrize("clusters", ["cluster80", "cluster90"])
def test_layers_of_families_are_counted_over_clusters(case: Case, clusters: str) -> None:
    proteins = case.atlas.sql("SELECT accession, layer FROM proteins WHERE layer IS NOT NULL").to_pylist()
    layers = {row["accession"]: row["layer"] for row in proteins if row["accession"] != "T00"}
    names = {a: case.clusters.get(a, a) if clusters == "cluster80" else a for a in layers}

    def layers_of_clusters(accessions: Sequence[str]) -> dict[str, int]:
        grouped: dict[str, list[int]] = defaultdict(list)
        for accession in accessions:
            grouped[names[accession]].append(layers[accession])
        return {cluster: commonest(of_cluster) for cluster, of_cluster in grouped.items()}

    everything = layers_of_clusters(list(layers))
    families = {f: layers_of_clusters([a for a in members if a in layers]) for f, members in case.families.items()}
    families = {family: of_family for family, of_family in families.items() if len(of_family) >= 4}

    rows = case.ask("family_convergence", clusters=clusters, min_clusters=4)
    assert {(r["family"], r["layer"]) for r in rows} == {(f, x) for f, c in families.items() for x in c.values()}
    for row in rows:
        family_layers, layer = families[row["family"]], row["layer"]
        outside = [x for cluster, x in everything.items() if cluster not in family_layers]
        k, n = sum(x == layer for x in family_layers.values()), len(family_layers)
        assert (row["n_at_layer"], row["n_clusters"]) == (k, n)
        assert row["background"] == pytest.approx(outside.count(layer) / len(outside), abs=6e-5)
        assert row["clustering"] == ("cluster80" if clusters == "cluster80" else "exact duplicates only")
        if n < 5:
            assert (row["share_low"], row["log10_p"]) == (None, None)
            continue
        interval = binomtest(k, n).proportion_ci(0.95, method="wilson")
        assert (row["share_low"], row["share_high"]) == pytest.approx((interval.low, interval.high), abs=1e-4)
        n_tests = len(set(everything.values())) * len(families)
        tail = hypergeom.sf(k - 1, n + len(outside), outside.count(layer) + k, n) * n_tests
        assert row["log10_p"] == pytest.approx(min(math.log10(tail), 0), abs=0.006)
