"""Questions on families, against independent numpy, scipy and scikit-learn, on random and on hand-made rows."""

import hashlib
import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from helpers.annotated import assign, embed
from helpers.handmade import hand, write_handmade
from helpers.synthetic import AMINO_ACIDS, SyntheticProtein, write_atlas
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.stats import binomtest, hypergeom, ks_2samp, kstwo, t
from sklearn.metrics import silhouette_samples
from sklearn.metrics.pairwise import cosine_similarity

from attlas.queries import Atlas
from attlas.schema import QuestionError

pytestmark = pytest.mark.slow

METHODS = ("sites", "random", "letters", "profile", "composition", "embedding")
N_LAYERS = 4
INTERVALS_AND_TESTS = (
    *("silhouette_low", "silhouette_high", "auc_low", "auc_high", "auc_t", "auc_log10_p", "gain_low", "gain_high"),
)
"""Columns that are empty for fewer than five members, or families."""


class Case:
    """A random atlas with families that overlap, sequences under two accessions, and proteins without a site."""

    def __init__(self, root: Path) -> None:
        choose = random.Random(3)
        sequences = ["".join(choose.choices("ACGHKLMW", k=choose.randint(12, 60))) for _ in range(60)]
        proteins = [SyntheticProtein(f"R{i:03d}", s, n_sites=choose.randint(0, 6)) for i, s in enumerate(sequences)]
        proteins += [SyntheticProtein(f"T{i:03d}", p.sequence, n_sites=p.n_sites) for i, p in enumerate(proteins[:8])]
        self.proteins = [*proteins, SyntheticProtein("Z1", "MKWF" * 5, status="failed", reason="x")]
        write_atlas(root, self.proteins, n_layers=N_LAYERS)
        assigned = {(p.accession, "Pfam", f"PF{choose.randint(0, 4)}") for p in self.proteins}
        assigned |= {(p.accession, "Pfam", f"PF{choose.randint(0, 5)}") for p in proteins[:20]}
        assigned |= {(p.accession, "Other", "O1") for p in proteins[:30]}
        self.assigned = sorted(assigned | {("R001", "Pfam", "LONELY"), ("Z1", "Pfam", "PF0")})
        assign(root, self.assigned)
        self.embeddings = {sequence: [choose.gauss() for _ in range(6)] for sequence in sequences}
        embed(
            root,
            {
                protein.accession: {(1, "mean"): self.embeddings[protein.sequence][::-1], (3, "cls"): [1.0] * 6}
                | {(2, "mean"): self.embeddings[protein.sequence]}
                for protein in proteins[:60]
            },
        )
        self.atlas = Atlas.open(root)
        rows = self.atlas.sql("FROM proteins ORDER BY accession").to_pylist()
        self.first: dict[str, str] = {}
        for row in rows:
            if row["n_sites"]:
                self.first.setdefault(row["sequence"], row["accession"])
        self.md5 = {row["accession"]: row["md5"] for row in rows}
        self.ids = {row["accession"]: row["sequence_id"] for row in rows}
        self.sequences = {row["accession"]: row["sequence"] for row in rows}

    def ask(self, name: str, **given: object) -> list[dict]:
        return self.atlas.ask(name, **given).to_pylist()

    def carriers(self, database: str = "Pfam") -> dict[str, set[str]]:
        """Return the sequences with sites of each family, by the first accession of each."""
        carriers_of = defaultdict(set)
        for accession, d, family in self.assigned:
            if d == database and self.sequences[accession] in self.first:
                carriers_of[family].add(self.first[self.sequences[accession]])
        return dict(carriers_of)

    def ticket(self, *words: object) -> str:
        return hashlib.md5(" ".join(map(str, words)).encode()).hexdigest()

    def vectors(self, accession: str, method: str, seed: int = 0) -> np.ndarray:
        """Return the vectors of a protein by a method: (n, L), or (1, L), or (1, 20), or (1, 6)."""
        if method == "embedding":
            return np.array([self.embeddings[self.sequences[accession]]], dtype=np.float32).astype(np.float64)
        received = np.array(self.atlas.residues(accession)["received"].to_pylist(), dtype=np.float64)  # (N, L)
        sequence = self.sequences[accession]
        if method == "composition":
            return np.array([[sequence.count(x) for x in AMINO_ACIDS]], dtype=np.float64)
        relative = received / received.max(axis=0)
        if method == "profile":
            return relative.mean(axis=0, keepdims=True)
        return np.round(relative[[at - 1 for at in self.drawn(accession, method, seed)]], 2)

    def drawn(self, accession: str, method: str, seed: int) -> list[int]:
        sites = self.atlas.sites(accession)["position"].to_pylist()
        sequence = self.sequences[accession]
        lots = sorted(range(1, len(sequence) + 1), key=lambda at: self.ticket(seed, self.md5[accession], at))
        if method == "sites":
            return sites
        if method == "random":
            return lots[: len(sites)]
        n_of_letter = Counter(sequence[at - 1] for at in sites)
        return [at for x, n in n_of_letter.items() for at in [at for at in lots if sequence[at - 1] == x][:n]]

    def similarities(self, names: Sequence[str], method: str, seed: int = 0) -> np.ndarray:
        sets = [self.vectors(name, method, seed) for name in names]
        matrix = np.eye(len(names))
        for i, a in enumerate(sets):
            for j, b in enumerate(sets[:i]):
                cosines = cosine_similarity(a, b)
                value = (cosines.max(axis=1).mean() + cosines.max(axis=0).mean()) / 2
                matrix[i, j] = matrix[j, i] = round(value, 6)
        return matrix


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    case = Case(tmp_path_factory.mktemp("families") / "atlas")
    yield case
    case.atlas.close()


def partition(carriers: dict[str, set[str]], min_size: int = 5) -> dict[str, set[str]]:
    """Return the families with each sequence in the largest of its families alone."""
    large = {family: names for family, names in carriers.items() if len(names) >= min_size}
    left = defaultdict(set)
    for name in sorted(set().union(*large.values())):
        left[min((-len(names), family) for family, names in large.items() if name in names)[1]].add(name)
    return {family: names for family, names in left.items() if len(names) >= min_size}


def interval_of(values: Sequence[float], alpha: float = 0.05) -> tuple[float, float]:
    margin = t.isf(alpha / 2, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values))
    return np.mean(values) - margin, np.mean(values) + margin


def near(interval: tuple[float, float]) -> object:
    """Return an approximate value of an interval, as near as the quantile of t in closed form is."""
    return pytest.approx((max(interval[0], -1), min(interval[1], 1)), abs=1e-4 + 4e-3 * (interval[1] - interval[0]))


def mean_auc(matrix: np.ndarray, members: Sequence[int], others: Sequence[int]) -> float:
    """Return the mean over ordered pairs of members of the share of others that are less like the first."""
    chances = [
        np.mean((matrix[a, others] < matrix[a, b]) + 0.5 * (matrix[a, others] == matrix[a, b]))
        for a in members
        for b in members
        if a != b
    ]
    return float(np.mean(chances))


def without_members(matrix: np.ndarray, members: Sequence[int], others: Sequence[int]) -> np.ndarray:
    """Return the AUC without each member in turn."""
    return np.array([mean_auc(matrix, [i for i in members if i != left], others) for left in members])


def jackknife_error(values: np.ndarray) -> float:
    m = len(values)
    return math.sqrt((m - 1) / m * float(np.sum((values - np.mean(values)) ** 2)))


def check(
    row: dict, matrix: np.ndarray, members: list[int], others: list[int], silhouettes: np.ndarray, n: int
) -> None:
    """Check a row of a family against scikit-learn, scipy, and sums of the matrix of similarities."""
    within = [matrix[a, b] for a in members for b in members if a < b]
    between = [matrix[a, b] for a in members for b in others]
    assert (row["n_members"], row["n_others"]) == (len(members), len(others))
    assert row["within"] == pytest.approx(np.mean(within), abs=6e-5)
    assert row["between"] == pytest.approx(np.mean(between), abs=6e-5)
    assert row["silhouette"] == pytest.approx(np.mean(silhouettes), abs=6e-5)
    assert (row["silhouette_low"], row["silhouette_high"]) == near(interval_of(silhouettes))
    ks = ks_2samp(within, between, method="asymp")
    assert row["ks"] == pytest.approx(ks.statistic, abs=6e-5)
    assert row["log10_p"] == pytest.approx(min(math.log10(ks.pvalue * n), 0), abs=0.02)
    auc, error = mean_auc(matrix, members, others), jackknife_error(without_members(matrix, members, others))
    assert row["auc"] == pytest.approx(auc, abs=6e-5)
    margin = t.isf(0.025 / n, len(members) - 1) * error
    bounds = max(auc - margin, 0), min(auc + margin, 1)
    assert (row["auc_low"], row["auc_high"]) == pytest.approx(bounds, abs=1e-4 + 8e-3 * margin)
    assert row["auc_t"] == pytest.approx((auc - 0.5) / error, abs=0.006, rel=1e-4)
    log10_p = (t.logsf(abs(auc - 0.5) / error, len(members) - 1) + math.log(2 * n)) / math.log(10)
    assert row["auc_log10_p"] == pytest.approx(min(log10_p, 0), abs=0.006 + 0.001 * abs(log10_p))
    if abs(auc - margin - 0.5) > 0.02 * margin:
        assert row["n_separated"] == (auc - margin > 0.5)


@pytest.mark.parametrize(
    "method", [METHODS[0], *(pytest.param(method, marks=pytest.mark.thorough) for method in METHODS[1:])]
)
def test_separation_is_that_of_scikit_learn_and_scipy(case: Case, method: str) -> None:
    families = partition(case.carriers())
    names = sorted(set().union(*families.values()))
    labels = [next(family for family, members in families.items() if name in members) for name in names]
    matrix = case.similarities(names, method)
    silhouettes = silhouette_samples(1 - matrix, labels, metric="precomputed")
    rows = {row["family"]: row for row in case.ask("family_separation", method=method)}
    assert rows.keys() == families.keys()
    assert {(r["n_compared"], r["n_compared_families"]) for r in rows.values()} == {(len(names), len(families))}
    for family, row in rows.items():
        members = [i for i, label in enumerate(labels) if label == family]
        others = [i for i, label in enumerate(labels) if label != family]
        check(row, matrix, members, others, silhouettes[members], len(rows))
        assert (row["name"], row["n_sequences"]) == (family.lower(), len(case.carriers()[family]))


@pytest.mark.thorough
@pytest.mark.parametrize("method", ["sites", "letters"])
def test_against_the_rest_every_family_is_one_cluster_and_all_else_another(case: Case, method: str) -> None:
    carriers = {f: names for f, names in case.carriers().items() if len(names) >= 5}
    names = sorted(case.first.values())
    matrix = case.similarities(names, method)
    rows = {row["family"]: row for row in case.ask("family_separation", method=method, against="rest")}
    assert rows.keys() == carriers.keys()
    for family, row in rows.items():
        labels = [name in carriers[family] for name in names]
        silhouettes = silhouette_samples(1 - matrix, labels, metric="precomputed")
        members, others = np.flatnonzero(labels).tolist(), np.flatnonzero(~np.array(labels)).tolist()
        check(row, matrix, members, others, silhouettes[members], len(rows))
        assert row["n_compared"] == len(names)


@pytest.mark.thorough
def test_the_gain_is_the_auc_less_that_of_letters_with_one_jackknife_for_both(case: Case) -> None:
    families = partition(case.carriers())
    names = sorted(set().union(*families.values()))
    labels = np.array([next(family for family, members in families.items() if name in members) for name in names])
    matrices = {method: case.similarities(names, method) for method in METHODS}
    rows = case.ask("family_separation")
    assert len(rows) == len(families) * len(METHODS)
    for row in rows:
        if row["method"] == "letters":
            assert (row["gain"], row["gain_low"], row["gain_high"]) == (None, None, None)
            continue
        members = np.flatnonzero(labels == row["family"]).tolist()
        others = np.flatnonzero(labels != row["family"]).tolist()
        auc, auc_of_letters = (mean_auc(matrices[m], members, others) for m in (row["method"], "letters"))
        assert row["gain"] == pytest.approx(auc - auc_of_letters, abs=6e-5)
        replicates, letters = (without_members(matrices[m], members, others) for m in (row["method"], "letters"))
        margin = t.isf(0.025 / len(families), len(members) - 1) * jackknife_error(replicates - letters)
        bounds = max(auc - auc_of_letters - margin, -1), min(auc - auc_of_letters + margin, 1)
        assert (row["gain_low"], row["gain_high"]) == pytest.approx(bounds, abs=1e-4 + 8e-3 * margin)
    best = [row["silhouette"] for row in rows if row["method"] == "sites"]
    assert best == sorted(best, reverse=True)
    alone = case.ask("family_separation", method="sites")
    assert {row["gain"] for row in alone} == {None}


@pytest.mark.thorough
def test_pooled_rows_are_means_over_families(case: Case) -> None:
    rows = case.ask("family_separation")
    sizes = {(r["method"], size) for r in rows for size in ("2-4", "5-9", "10-19", "20-49") if of_size(r, size)}
    for per, n_pooled in (("size", len(sizes)), ("all", len(METHODS))):
        answer = case.ask("family_separation", per=per)
        assert len(answer) == n_pooled > 0
        for pooled in answer:
            family_rows = [r for r in rows if r["method"] == pooled["method"] and of_size(r, pooled["family"])]
            assert (pooled["n_families"], pooled["n_separated"]) == (
                len(family_rows),
                sum(r["n_separated"] for r in family_rows),
            )
            for column in ("silhouette", "auc", "ks", "within", "between", "gain", "n_members"):
                if (column, pooled["method"]) == ("gain", "letters"):
                    continue
                mean = np.mean([r[column] for r in family_rows])
                assert pooled[column] == pytest.approx(mean, abs=0.06 if column == "n_members" else 2e-4)
            if len(family_rows) < 5:
                assert [pooled[name] for name in INTERVALS_AND_TESTS] == [None] * len(INTERVALS_AND_TESTS)
            else:
                n_tests = sum(r["auc_low"] is not None for r in answer if r["method"] == pooled["method"])
                low, high = interval_of([r["auc"] for r in family_rows], 0.05 / n_tests)
                assert (pooled["auc_low"], pooled["auc_high"]) == pytest.approx(
                    (max(low, 0), min(high, 1)), abs=3e-4 + 0.001 * (high - low)
                )
            assert (pooled["log10_p"], pooled["name"]) == (None, None)


def of_size(row: dict, text: str) -> bool:
    ends = {"2-4": (2, 4), "5-9": (5, 9), "10-19": (10, 19), "20-49": (20, 49)}
    low, high = ends.get(text, (50, 10**9) if text == "50 or more" else (0, 10**9))
    return low <= row["n_sequences"] <= high


@pytest.mark.thorough
def test_families_asked_for_have_the_rows_they_have_among_all(case: Case) -> None:
    every = case.ask("family_separation")
    families = sorted({row["family"] for row in every})
    two_families = case.ask("family_separation", families=families[:2])
    rows = [row for row in every if row["family"] in families[:2]]
    corrected = ("log10_p", "auc_log10_p", "auc_low", "auc_high", "gain_low", "gain_high", "n_separated")
    assert len(families) > 3
    assert [{k: v for k, v in r.items() if k not in corrected} for r in two_families] == [
        {k: v for k, v in r.items() if k not in corrected} for r in rows
    ]
    for few, many in zip(two_families, rows, strict=True):
        if many["log10_p"] < 0:
            assert many["log10_p"] - few["log10_p"] == pytest.approx(math.log10(len(families) / 2), abs=0.011)


@pytest.mark.thorough
def test_another_seed_draws_other_residues_and_the_same_sites(case: Case) -> None:
    seed_0, seed_1 = (case.ask("family_separation", seed=seed) for seed in (0, 1))
    by_method = {m: [[r["within"] for r in rows if r["method"] == m] for rows in (seed_0, seed_1)] for m in METHODS}
    assert {m for m, (a, b) in by_method.items() if a != b} == {"random", "letters"}


@pytest.mark.thorough
def test_the_bounds_of_the_work_hold_and_are_reported(case: Case) -> None:
    rows = case.ask("family_separation", method="sites", max_members=5)
    assert {row["n_members"] for row in rows} == {5}
    assert {row["n_compared"] for row in rows} == {5 * len(rows)}
    few = case.ask("family_separation", method="sites", max_members=5, max_proteins=11)
    assert {(r["n_compared"], r["n_compared_families"]) for r in few} == {(10, 2)}
    assert {r["n_left_out"] for r in few} == {sum(len(names) >= 5 for names in case.carriers().values()) - 2}
    against_others = case.ask("family_separation", method="sites", against="rest", max_members=5, max_proteins=30)
    assert {row["n_compared"] for row in against_others} == {30}
    for family in partition(case.carriers()):
        of_family = case.ask("family_separation", method="sites", families=family, max_members=5, max_proteins=10)
        assert [(row["family"], row["n_others"]) for row in of_family] == [(family, 5)]


def test_the_members_taken_are_those_of_the_lowest_hashes(case: Case) -> None:
    families = partition(case.carriers())
    taken = {f: sorted(n, key=lambda a: case.ticket(7, case.md5[a]))[:5] for f, n in families.items()}
    names = sorted(set().union(*taken.values()))
    matrix = case.similarities(names, "sites")
    rows = case.ask("family_separation", method="sites", max_members=5, seed=7)
    assert {row["family"] for row in rows} == families.keys()
    for row in rows:
        members = [names.index(a) for a in taken[row["family"]]]
        assert row["within"] == pytest.approx(
            np.mean([matrix[a, b] for a in members for b in members if a < b]), abs=6e-5
        )


@pytest.mark.thorough
def test_no_family_large_enough_is_an_answer_without_rows(case: Case) -> None:
    for given in ({"min_size": 1000}, {"proteins": "R001"}):
        assert case.ask("family_separation", **given) == []
        assert case.ask("family_separation", **given, against="rest") == []


@pytest.mark.thorough
def test_a_family_with_nothing_to_compare_with_has_similarities_and_no_statistics(case: Case) -> None:
    (row,) = case.ask("family_separation", database="other", method="sites")
    assert (row["family"], row["n_others"]) == ("O1", 0)
    assert row["within"] is not None
    empty = ("between", "silhouette", "silhouette_low", "ks", "log10_p", "auc", "auc_low", "gain")
    assert [row[name] for name in empty] == [None] * len(empty)
    assert row["n_separated"] == 0
    (against,) = case.ask("family_separation", database="Other", method="sites", against="rest")
    assert against["n_others"] > 0
    assert against["auc"] is not None


def test_a_method_that_there_is_not_is_refused(case: Case) -> None:
    with pytest.raises(QuestionError, match="The value of method cannot be used"):
        case.atlas.ask("family_separation", method="embeddings")


def test_three_families_by_hand_have_the_known_answer(tmp_path: Path) -> None:
    # A site of rank 1 has u = 1 in every layer; of rank 2, 0.89 in the layer of convergence l and 1 elsewhere. A
    # protein of one site is (1, 1, 1) whatever its layer; so sites say nothing of these families, and the nine
    # proteins are all alike: silhouette 0, AUC 1/2, KS 0. With two sites the second tells the layer.
    hands = [
        hand(f"{family}{i}", "MKCAACGGHW" + letter * (i + 1), sites=(3,), layer=layer)
        for layer, (family, letter) in enumerate(zip("ABC", "LVY", strict=True))
        for i in range(3)
    ]
    write_handmade(tmp_path / "one", hands)
    assign(tmp_path / "one", [(h.protein.accession, "Pfam", h.protein.accession[0]) for h in hands])
    with Atlas.open(tmp_path / "one") as atlas:
        rows = atlas.ask("family_separation", method="sites", min_size=3).to_pylist()
        assert {row["family"] for row in rows} == {"A", "B", "C"}
        for row in rows:
            assert (row["within"], row["between"], row["silhouette"], row["ks"]) == (1, 1, 0, 0)
            assert (row["auc"], row["n_separated"]) == (0.5, 0)
            assert [row[name] for name in INTERVALS_AND_TESTS] == [None] * len(INTERVALS_AND_TESTS)
    two = [hand(h.protein.accession, h.protein.sequence, sites=(3, 6), layer=h.layer) for h in hands]
    write_handmade(tmp_path / "two", two)
    assign(tmp_path / "two", [(h.protein.accession, "Pfam", h.protein.accession[0]) for h in hands])
    profile_a, profile_b, profile_c = np.array([1, 1, 1]), np.array([0.89, 1, 1]), np.array([1, 0.89, 1])

    def cosine(a: np.ndarray, b: np.ndarray) -> float:
        return float(a @ b / math.sqrt(a @ a) / math.sqrt(b @ b))

    between = (1 + max(cosine(profile_b, profile_a), cosine(profile_b, profile_c))) / 2
    with Atlas.open(tmp_path / "two") as atlas:
        rows = atlas.ask("family_separation", method="sites", min_size=3).to_pylist()
    assert [row["family"] for row in rows] == ["A", "B", "C"]
    for row in rows:
        assert (row["within"], row["silhouette"], row["ks"], row["auc"]) == (1, 1, 1, 1)
        assert row["between"] == pytest.approx(between, abs=6e-5)
        assert (row["n_members"], row["n_others"]) == (3, 6)


@pytest.mark.parametrize("n_own", [2, 10, 90, 380, 6000])
def test_p_values_of_the_ks_test_are_those_of_scipy_over_their_whole_range(case: Case, n_own: int) -> None:
    n_others = 5000
    n = int(np.round(n_own / 2 * n_others / (n_own / 2 + n_others)))
    statistics = [d / 100 for d in range(1, 100)]
    assert sum(kstwo.sf(statistics, n) > 1e-290) > 5
    query = f"SELECT d, ks_log10_tail(d, {n}) AS log10_p FROM (SELECT unnest({statistics}::DOUBLE[]) AS d)"
    for row in case.atlas.sql(query).to_pylist():
        expected = kstwo.sf(row["d"], n)
        if expected > 1e-290:
            assert row["log10_p"] == pytest.approx(math.log10(expected), abs=0.1 if n < 5 else 0.02)


# Random families


N_PARTITIONS, N_PARTITIONS_THOROUGH = 7, 14
"""Random partitions of the same proteins into families."""


@pytest.fixture(scope="module")
def n_partitions(is_thorough: bool) -> int:
    return N_PARTITIONS_THOROUGH if is_thorough else N_PARTITIONS


@pytest.fixture(scope="module")
def random_families(n_partitions: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    """Return an atlas of 64 proteins with databases R0, R1, ... of eight random families of eight."""
    choose = random.Random(5)
    proteins = [
        SyntheticProtein(f"R{i:03d}", "".join(choose.choices("ACGHKLMW", k=choose.randint(12, 40))), n_sites=2 + i % 4)
        for i in range(64)
    ]
    root = tmp_path_factory.mktemp("random") / "atlas"
    write_atlas(root, proteins, n_layers=N_LAYERS)
    assigned = []
    for partition_number in range(n_partitions):
        accessions = choose.sample([protein.accession for protein in proteins], 64)
        assigned += [(a, f"R{partition_number}", f"F{i % 8}") for i, a in enumerate(accessions)]
    assign(root, assigned)
    with Atlas.open(root) as atlas:
        yield atlas


@pytest.fixture(scope="module")
def random_rows(random_families: Atlas, n_partitions: int) -> list[dict]:
    """Return the rows of every random partition, family by family, by sites, letters and composition."""
    answers = [random_families.ask("family_separation", database=f"R{i}") for i in range(n_partitions)]
    return [row for answer in answers for row in answer.to_pylist()]


def is_rejected(row: dict) -> bool | None:
    """Return whether the test of the AUC rejects 0.5; None where it is within the rounding of two decimals."""
    near = abs(row["auc_log10_p"] - math.log10(0.05)) < 0.01
    return None if near else row["auc_log10_p"] < math.log10(0.05)


def is_left_out(row: dict) -> bool:
    return not row["auc_low"] <= 0.5 <= row["auc_high"]


@pytest.mark.thorough
def test_the_interval_leaves_out_one_half_if_and_only_if_the_test_rejects(
    case: Case, random_families: Atlas, random_rows: list[dict], n_partitions: int
) -> None:
    real = [
        row for given in ({}, {"against": "rest"}, {"min_size": 2}) for row in case.ask("family_separation", **given)
    ]
    pooled = [
        row
        for i in range(3)
        for row in random_families.ask("family_separation", database=f"R{i}", per="all").to_pylist()
    ]
    rows = [row for row in (*random_rows, *real, *pooled) if row["auc_low"] is not None]
    assert len(rows) > 40 * n_partitions + 40
    assert {is_left_out(row) for row in rows} == {True, False}
    decisions = [(is_left_out(row), is_rejected(row)) for row in rows if is_rejected(row) is not None]
    assert [pair for pair in decisions if pair[0] != pair[1]] == []
    assert [row for row in random_rows if row["n_separated"] and not (is_left_out(row) and row["auc"] > 0.5)] == []
    untested = [row for row in (*random_rows, *real, *pooled) if row["auc_low"] is None]
    assert [(row["auc_t"], row["auc_log10_p"], row["auc_high"]) for row in untested] == [(None,) * 3] * len(untested)


@pytest.mark.thorough
def test_random_families_are_not_separated_more_often_than_said(random_rows: list[dict], n_partitions: int) -> None:
    # An interval of 95 % over all families of a method at once: in a partition, none is above in 97.5 % and more.
    for method in METHODS:
        rows = [row for row in random_rows if row["method"] == method]
        if method == "embedding":  # these atlases have no vectors
            assert rows == []
            continue
        assert len(rows) == 8 * n_partitions
        n_separated = sum(row["n_separated"] for row in rows)
        assert binomtest(n_separated, n_partitions, 0.025, alternative="greater").pvalue > 0.001
        assert np.mean([row["auc"] for row in rows]) == pytest.approx(0.5, abs=0.02)


@pytest.mark.thorough
def test_the_gain_of_random_families_is_0_in_the_mean_and_its_interval_holds_it(
    random_rows: list[dict], n_partitions: int
) -> None:
    for method in ("sites", "random", "profile", "composition"):
        rows = [row for row in random_rows if row["method"] == method]
        gains = np.array([row["gain"] for row in rows])
        assert abs(np.mean(gains)) < 3.5 * np.std(gains) / math.sqrt(len(gains))
        n_above = sum(row["gain_low"] > 0 for row in rows)
        n_below = sum(row["gain_high"] < 0 for row in rows)
        for n in (n_above, n_below):
            assert binomtest(n, n_partitions, 0.025, alternative="greater").pvalue > 0.001
        # Nor does it lean to one side, as the difference of silhouettes did.
        assert binomtest(int(sum(gains > 0)), len(gains)).pvalue > 0.001


# families_of and family_layers


def members_of(case: Case, database: str, family: str) -> list[str]:
    return sorted(a for a, d, f in case.assigned if (d, f) == (database, family))


def layers_of(case: Case, accessions: Sequence[str]) -> Counter[int]:
    """Return how many distinct sequences converge in each layer."""
    rows = case.atlas.sql("SELECT DISTINCT accession, sequence, layer FROM proteins").to_pylist()
    by_sequence = {row["sequence"]: row["layer"] for row in rows if row["accession"] in accessions}
    return Counter(layer for layer in by_sequence.values() if layer is not None)


def test_layers_of_families_are_those_of_scipy(case: Case) -> None:
    everything = layers_of(case, list(case.sequences))
    rows = case.ask("family_layers", min_size=1)
    assert {row["family"] for row in rows} == {f for _, d, f in case.assigned if d == "Pfam"}
    for row in rows:
        accessions = members_of(case, "Pfam", row["family"])
        counts = layers_of(case, accessions)
        layer, k = min(counts.items(), key=lambda item: (-item[1], item[0]))
        n, n_all = counts.total(), everything.total()
        assert (row["n_proteins"], row["n_fitted"]) == (len(accessions), n)
        assert row["n_sequences"] == len({case.sequences[a] for a in accessions})
        assert (row["layer"], row["n_at_layer"]) == (layer, k)
        background = (everything[layer] - k) / (n_all - n)
        assert row["background"] == pytest.approx(background, abs=6e-5)
        assert row["ratio"] == pytest.approx(k / n / background, abs=0.006)
        if n < 5:
            assert (row["share_low"], row["share_high"], row["log10_p"]) == (None, None, None)
        else:
            interval = binomtest(k, n).proportion_ci(0.95, method="wilson")
            assert (row["share_low"], row["share_high"]) == pytest.approx((interval.low, interval.high), abs=1e-4)
            tail = hypergeom.sf(k - 1, n_all, everything[layer], n) * len(everything) * len(rows)
            assert row["log10_p"] == pytest.approx(min(math.log10(tail), 0), abs=0.006)
        sites = [len(case.atlas.sites(a)) for a in {case.sequences[a]: a for a in accessions if a != "Z1"}.values()]
        assert row["median_sites"] == np.median(sites)
        assert row["share_with_sites"] == pytest.approx(np.mean(np.array(sites) > 0), abs=6e-5)


def test_a_family_in_one_layer_of_its_own_is_found_with_the_exact_chance(tmp_path: Path) -> None:
    # Five of ten in layer 2, all of them the family: one draw of 252 has them, times two layers and one family.
    hands = [hand(f"X{i}", "MKCAACGGHW" + "V" * i, sites=(3,), layer=2 if i < 5 else 0) for i in range(10)]
    write_handmade(tmp_path / "atlas", hands)
    assign(tmp_path / "atlas", [(f"X{i}", "Pfam", "PF1") for i in range(5)])
    with Atlas.open(tmp_path / "atlas") as atlas:
        (row,) = atlas.ask("family_layers", min_size=5).to_pylist()
        assert (row["layer"], row["share_at_layer"], row["background"], row["ratio"]) == (2, 1, 0, None)
        assert row["log10_p"] == pytest.approx(math.log10(2 / 252), abs=0.006)
        assert atlas.ask("family_layers", min_size=6).to_pylist() == []
        (row,) = atlas.ask("families_of", proteins="X1").to_pylist()
        assert (row["family"], row["n_proteins"], row["layer"], row["family_layer"]) == ("PF1", 5, 2, 2)


def test_a_family_of_proteins_that_were_not_computed_is_shown_without_numbers(tmp_path: Path) -> None:
    hands = [hand("A1", "MKCAACGGHW", layer=0), hand("F1", "MWWWWW" * 3, status="failed", reason="out of memory")]
    write_handmade(tmp_path / "atlas", hands)
    assign(tmp_path / "atlas", [("F1", "Pfam", "PF1")])
    with Atlas.open(tmp_path / "atlas") as atlas:
        (row,) = atlas.ask("family_layers", min_size=1).to_pylist()
        assert (row["n_proteins"], row["n_sequences"], row["n_fitted"], row["n_at_layer"]) == (1, 1, 0, 0)
        assert (row["layer"], row["share_at_layer"], row["log10_p"]) == (None, None, None)
        with pytest.warns(UserWarning, match="not computed"):
            (row,) = atlas.ask("families_of", proteins="F1").to_pylist()
        assert (row["n_sequences"], row["layer"], row["family_layer"]) == (1, None, None)


def test_families_of_proteins_are_those_assigned(case: Case) -> None:
    rows = case.ask("families_of", proteins="R001,T001,R030")
    expected = sorted({x for x in case.assigned if x[0] in ("R001", "T001", "R030")})
    assert [(r["accession"], r["database"], r["family"]) for r in rows] == expected
    for row in rows:
        accessions = members_of(case, row["database"], row["family"])
        counts = layers_of(case, accessions)
        layer, k = min(counts.items(), key=lambda item: (-item[1], item[0]))
        assert row["n_proteins"] == len(accessions)
        assert row["n_sequences"] == len({case.sequences[a] for a in accessions})
        assert (row["family_layer"], row["share_at_layer"]) == (layer, pytest.approx(k / counts.total(), abs=0.006))
    rows_of_database = case.ask("families_of", proteins="R001,T001,R030", databases="other")
    assert rows_of_database == [row for row in rows if row["database"] == "Other"]


@pytest.mark.thorough
def test_the_same_family_from_two_files_counts_once(tmp_path: Path) -> None:
    hands = [hand(f"X{i}", "MKCAACGGHW" + "V" * i, sites=(3,), layer=i % 2) for i in range(4)]
    write_handmade(tmp_path / "atlas", hands)
    for source in ("one.tsv", "two.tsv"):
        assign(tmp_path / "atlas", [(f"X{i}", "Pfam", "PF1") for i in range(3)], source=source)
    with Atlas.open(tmp_path / "atlas") as atlas:
        assert len(atlas.ask("families_of", proteins="X0")) == 1
        assert [r["n_proteins"] for r in atlas.ask("family_layers", min_size=1).to_pylist()] == [3]
        rows = atlas.ask("family_separation", min_size=2, against="rest", method="sites").to_pylist()
        assert [(row["n_members"], row["n_others"]) for row in rows] == [(3, 1)]


def test_questions_of_families_say_that_they_need_annotation(atlas: Atlas) -> None:
    for name, given in (("family_separation", {}), ("family_layers", {}), ("families_of", {"proteins": "P04637"})):
        with pytest.raises(QuestionError, match=f"{name} needs families"):
            atlas.ask(name, **given)


@pytest.mark.parametrize("databases", [None, ["Pfam"], ["Pfam", "InterPro"]])
def test_families_connect_sequences_as_components_of_a_graph(
    sparse_families: tuple[Atlas, list[tuple[str, str, str]]], databases: list[str] | None
) -> None:
    atlas, assigned = sparse_families
    numbers = dict(atlas.sql("SELECT accession, sequence_id FROM proteins").select([0, 1]).to_pandas().to_numpy())
    members = [(numbers[a], f"{d} {f}") for a, d, f in assigned if databases is None or d in databases]
    families = sorted({family for _, family in members})
    nodes = [(number, len(numbers) + families.index(family)) for number, family in members]
    edges = np.array(nodes).T
    n_nodes = len(numbers) + len(families)
    labels = connected_components(coo_array((np.ones(len(nodes)), edges), shape=(n_nodes, n_nodes)), directed=False)[1]
    smallest = {number: min(n for n in numbers.values() if labels[n] == labels[number]) for number, _ in members}

    rows = atlas.sql("FROM connected_families($databases)", {"databases": databases}).to_pylist()
    assert {row["sequence_id"]: row["group_id"] for row in rows} == smallest
    assert len(rows) == len(smallest)


@pytest.fixture(scope="module")
def sparse_families(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Atlas, list[tuple[str, str, str]]]]:
    """Return an atlas whose families make long chains, trees and single sequences, and its rows of families."""
    choose = random.Random(11)
    root = tmp_path_factory.mktemp("sparse") / "atlas"
    accessions = [f"S{i:02d}" for i in range(40)]
    write_atlas(root, [SyntheticProtein(a, "".join(choose.choices(AMINO_ACIDS, k=20))) for a in accessions])
    shuffled = choose.sample(accessions, len(accessions))
    # Each of the first 16 shares a family with the one before it and another with the one after it.
    chain = [(a, "Pfam", f"C{i + side}") for i, a in enumerate(shuffled[:16]) for side in (0, 1)]
    assigned = {*chain, *((choose.choice(shuffled[16:]), "InterPro", f"I{choose.randint(0, 9)}") for _ in range(20))}
    assigned |= {(choose.choice(accessions), "Panther", f"C{choose.randint(0, 9)}") for _ in range(8)}
    assign(root, sorted(assigned))
    with Atlas.open(root) as atlas:
        yield atlas, sorted(assigned)
