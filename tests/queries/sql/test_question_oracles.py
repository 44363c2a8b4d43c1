"""What questions answer on an atlas of random numbers, against enumeration in Python and against scipy."""

import math
import random
import statistics
from collections import Counter
from collections.abc import Iterator
from itertools import combinations

import pytest
from helpers.synthetic import SyntheticProtein, write_atlas
from scipy.stats import binomtest, ttest_ind

from attlas.queries import Atlas
from attlas.schema import HEADS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def at_random(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    """Eighty random proteins, ten of them twice, of few letters so that letters and motifs recur."""
    choose = random.Random(5)
    sequences = ["".join(choose.choices("ACGHKLMW", k=choose.randint(12, 90))) for _ in range(80)]
    proteins = [SyntheticProtein(f"R{i:03d}", s, n_sites=choose.randint(0, 6)) for i, s in enumerate(sequences)]
    proteins += [SyntheticProtein(f"T{i:03d}", p.sequence, n_sites=p.n_sites) for i, p in enumerate(proteins[:10])]
    root = tmp_path_factory.mktemp("questions") / "random"
    write_atlas(root, proteins)
    with Atlas.open(root) as opened:
        yield opened


def asked(atlas: Atlas, name: str, **given: object) -> list[dict]:
    return atlas.ask(name, **given).to_pylist()


def distinct(atlas: Atlas) -> list[tuple[str, str, list[int]]]:
    """Return (first accession, sequence, positions of sites) of each distinct sequence searched, without a query."""
    accessions: dict[str, str] = {}
    for protein in atlas.sql("FROM proteins").to_pylist():
        if protein["layer"] is not None:
            accession = protein["accession"]
            accessions[protein["sequence"]] = min(accession, accessions.get(protein["sequence"], accession))
    return [(a, s, sorted(atlas.sites(a)["position"].to_pylist())) for s, a in sorted(accessions.items())]


def wilson(k: int, n: int, z: float = 1.96) -> tuple[float, float]:
    level = math.erf(z / math.sqrt(2))
    interval = binomtest(k, n).proportion_ci(level, method="wilson")
    return interval.low, interval.high


@pytest.mark.thorough
def test_intervals_are_those_of_scipy(at_random: Atlas) -> None:
    for row in asked(at_random, "residue_enrichment", z=2.5):
        n = sum(r["n_sites"] for r in asked(at_random, "residue_enrichment"))
        assert row["n_sequences"] >= 5
        expected = [bound / row["share_of_residues"] for bound in wilson(row["n_sites"], n, 2.5)]
        assert [row["ratio_low"], row["ratio_high"]] == pytest.approx(expected, rel=2e-3, abs=0.006)
    for name in ("layer_of_convergence", "sites_by_end"):
        for row in asked(at_random, name):
            k, n = (row["n_sequences"], 80) if name == "layer_of_convergence" else (row["n_sites"], row["n_sequences"])
            assert (row["share_low"], row["share_high"]) == pytest.approx(wilson(k, n), abs=1e-4)
    for row in asked(at_random, "motifs_at_sites", min_sites=1):
        if row["n_sequences"] < 5:
            assert (row["share_low"], row["note"]) == (None, "fewer than 5 proteins")
        else:
            assert row["share_low"] == pytest.approx(wilson(row["n_sites"], row["n_occurrences"])[0], abs=6e-4)
    for row in asked(at_random, "sites_by_length", lengths=[1, 30, 60]):
        low, high = wilson(round(row["share_without"] * row["n_sequences"]), row["n_sequences"])
        assert (row["share_low"], row["share_high"]) == pytest.approx((low, high), abs=6e-4)


def test_sequences_under_two_accessions_count_once(at_random: Atlas) -> None:
    n_sites = sum(len(sites) for _, _, sites in distinct(at_random))
    assert sum(row["n_sites"] for row in asked(at_random, "residue_enrichment")) == n_sites
    assert sum(row["n_sequences"] for row in asked(at_random, "layer_of_convergence")) == 80
    assert {row["n_sequences"] for row in asked(at_random, "heads_by_entropy")} == {80}
    assert len(asked(at_random, "duplicates")) == 10
    assert len(asked(at_random, "sites_per_length", min_length=1)) == 90


def test_pairs_of_sites_are_counted_and_expected_as_by_enumeration(at_random: Atlas) -> None:
    proteins = distinct(at_random)
    for row in asked(at_random, "site_spacing", reach=90):
        d = row["separation"]
        counts = [sum(b - a == d for a, b in combinations(sites, 2)) for _, _, sites in proteins]
        expected = sum(math.comb(len(sites), 2) * max(len(s) - d, 0) / math.comb(len(s), 2) for _, s, sites in proteins)
        assert (row["n_pairs"], row["n_sequences"]) == (sum(counts), sum(n > 0 for n in counts))
        assert row["expected"] == pytest.approx(expected, abs=0.006)


def test_letters_of_pairs_are_those_by_enumeration(at_random: Atlas) -> None:
    pairs = Counter(
        (s[a - 1], s[b - 1]) for _, s, sites in distinct(at_random) for a, b in combinations(sites, 2) if b - a <= 12
    )
    rows = {(r["first"], r["second"]): r for r in asked(at_random, "site_pairs", window=12, min_pairs=1)}
    assert {key: row["n_pairs"] for key, row in rows.items()} == pairs
    firsts, seconds = Counter(), Counter()
    for (a, b), n in pairs.items():
        firsts[a] += n
        seconds[b] += n
    for (a, b), row in rows.items():
        assert row["expected"] == pytest.approx(firsts[a] * seconds[b] / pairs.total(), abs=0.006)


def test_letters_around_sites_are_those_by_enumeration(at_random: Atlas) -> None:
    proteins = distinct(at_random)
    letters = Counter("".join(s for _, s, _ in proteins))
    rows = asked(at_random, "residues_around_sites", reach=3)
    rows_by_place = {(row["from_site"], row["residue"]): row for row in rows}
    for d in (-3, -2, -1, 1, 2, 3):
        near = Counter(s[at - 1 + d] for _, s, sites in proteins for at in sites if 0 <= at - 1 + d < len(s))
        assert {residue: rows_by_place[d, residue]["n"] for residue in near} == near
        sequences = Counter(
            letter for _, s, sites in proteins for letter in {s[at - 1 + d] for at in sites if 0 <= at - 1 + d < len(s)}
        )
        for residue, n in near.items():
            row = rows_by_place[d, residue]
            assert (row["n_sites"], row["n_sequences"]) == (near.total(), sequences[residue])
            assert row["ratio"] == pytest.approx(n / near.total() / (letters[residue] / letters.total()), abs=0.006)
    assert len(rows) == len(rows_by_place)
    assert [row["ratio_low"] for row in rows] == sorted((row["ratio_low"] for row in rows), reverse=True)


@pytest.mark.parametrize(("before", "after"), [(0, 0), (1, 1), (0, 3), (2, 0)])
def test_motifs_are_those_by_enumeration(at_random: Atlas, before: int, after: int) -> None:
    proteins = distinct(at_random)
    k = before + after + 1
    everywhere = Counter(s[at : at + k] for _, s, _ in proteins for at in range(len(s) - k + 1))
    at_sites = Counter(
        s[at - 1 - before : at + after] for _, s, sites in proteins for at in sites if before < at <= len(s) - after
    )
    rate = at_sites.total() / everywhere.total()
    rows = asked(at_random, "motifs_at_sites", before=before, after=after, min_sites=2)
    assert {row["motif"].upper(): (row["n_sites"], row["n_occurrences"]) for row in rows} == {
        motif: (n, everywhere[motif]) for motif, n in at_sites.items() if n >= 2
    }
    for row in rows:
        assert row["motif"][before].isupper()
        assert row["ratio"] == pytest.approx(row["n_sites"] / row["n_occurrences"] / rate, abs=0.06)


def test_the_densest_window_is_that_of_a_search(at_random: Atlas) -> None:
    rows = asked(at_random, "densest_windows", window=15, min_sites=2)
    windows = {row["accession"]: (row["n_in_window"], row["first"]) for row in rows}
    for accession, _, sites in distinct(at_random):
        best = max(((sum(a <= b < a + 15 for b in sites), -a) for a in sites), default=(0, 0))
        assert windows.get(accession) == ((best[0], -best[1]) if best[0] >= 2 else None)


def test_runner_ups_and_sites_are_the_first_of_the_profile(at_random: Atlas) -> None:
    (row,) = asked(at_random, "runner_ups", proteins="R003", n=1)
    profile = at_random.residues("R003").to_pylist()
    ordered = sorted(profile, key=lambda r: (-r["received"][row["layer"]], r["position"]))
    assert ordered[row["n_sites"]]["position"] == row["position"]
    positions = [r["position"] for r in ordered]
    asked_for = asked(at_random, "rank_of_positions", protein="R003", positions=positions)
    assert {r["position"]: r["rank"] for r in asked_for} == {at: i for i, at in enumerate(positions, start=1)}
    for position_row in asked_for:
        ranks = [
            1 + sum(r["received"][layer] > profile[position_row["position"] - 1]["received"][layer] for r in profile)
            for layer in range(4)
        ]
        assert (position_row["best_rank"], position_row["best_layer"]) == (min(ranks), ranks.index(min(ranks)))


def heads_of(atlas: Atlas) -> dict[tuple[int, int], list[dict]]:
    """Return the statistics of every head over one accession of each distinct sequence, with its length."""
    rows: dict[tuple[int, int], list[dict]] = {}
    for accession, sequence, _ in distinct(atlas):
        for row in atlas.heads(accession).to_pylist():
            rows.setdefault((row["layer"], row["head"]), []).append({**row, "length": len(sequence)})
    return rows


def test_heads_are_averaged_over_distinct_sequences(at_random: Atlas) -> None:
    values = heads_of(at_random)

    def mean(of: list[dict], *names: str) -> float:
        return statistics.fmean(sum(row[name] for name in names) for row in of)

    for row in asked(at_random, "heads_by_entropy"):
        of = values[row["layer"], row["head"]]
        assert row["entropy"] == pytest.approx(mean(of, "entropy"), abs=6e-4)
        assert row["sd"] == pytest.approx(statistics.stdev(r["entropy"] for r in of), abs=6e-4)
        shares = [r["entropy"] / math.log(r["length"] + 2) for r in of]
        assert row["share_of_max"] == pytest.approx(statistics.fmean(shares), abs=6e-4)
    for row in asked(at_random, "sink_heads"):
        of = values[row["layer"], row["head"]]
        assert row["special_share"] == pytest.approx(mean(of, "cls_share", "eos_share"), abs=6e-4)
    for row in asked(at_random, "edge_heads"):
        of = values[row["layer"], row["head"]]
        n_edges = sum(r["n_edges"] for r in of)
        assert (row["n_edges"], row["is_reported"]) == (n_edges, n_edges >= 100)
        assert row["edges_per_residue"] == pytest.approx(n_edges / sum(r["length"] for r in of), abs=6e-5)
        assert row["share_with_edges"] == pytest.approx(sum(r["n_edges"] > 0 for r in of) / 80, abs=6e-4)


@pytest.mark.parametrize(
    ("name", "by", "is_falling"),
    [
        ("heads_by_entropy", "entropy", False),
        ("heads_by_distance", "distance", False),
        ("sink_heads", "special_share", True),
        ("periodic_heads", "helix_share", True),
        ("edge_heads", "n_edges", True),
    ],
)
def test_heads_are_ordered_and_whole(at_random: Atlas, name: str, by: str, is_falling: bool) -> None:
    rows = asked(at_random, name)
    assert [row[by] for row in rows] == sorted((row[by] for row in rows), reverse=is_falling)
    assert {(row["layer"], row["head"]) for row in rows} == {(layer, head) for layer in range(4) for head in range(2)}


@pytest.mark.thorough
def test_heads_apart_are_those_of_scipy(at_random: Atlas) -> None:
    accessions = {f"R{i:03d}" for i in range(20, 35)} | {"T004"}  # T004 has the sequence of R004
    values = heads_of(at_random)
    rows = asked(at_random, "heads_apart", proteins=sorted(accessions))
    names = [c.name for c in HEADS.stored() if c.name not in ("sequence_id", "layer", "head", "n_edges")]
    assert len(rows) == len(values) * (len(names) + 1)
    for row in rows:
        of = values[row["layer"], row["head"]]
        name = row["statistic"]
        numbers = [r["n_edges"] / r["length"] if name == "edges_per_residue" else r[name] for r in of]
        a = [x for x, r in zip(numbers, of, strict=True) if r["accession"] in {*accessions, "R004"}]
        b = [x for x, r in zip(numbers, of, strict=True) if r["accession"] not in {*accessions, "R004"}]
        assert (row["n_sequences"], row["n_against"]) == (len(a), len(b)) == (16, 64)
        assert row["t"] == pytest.approx(ttest_ind(a, b, equal_var=False).statistic, abs=0.006)
        pooled = math.sqrt((15 * statistics.variance(a) + 63 * statistics.variance(b)) / 78)
        assert row["effect"] == pytest.approx((statistics.fmean(a) - statistics.fmean(b)) / pooled, abs=0.006)
    assert [abs(row["effect"]) for row in rows] == sorted((abs(row["effect"]) for row in rows), reverse=True)


def test_a_set_of_one_has_an_effect_and_no_t(at_random: Atlas) -> None:
    rows = asked(at_random, "heads_apart", proteins="R001", other_proteins="R002,R003,R001")
    assert {(row["n_sequences"], row["n_against"], row["t"]) for row in rows} == {(1, 2, None)}
    assert all(row["effect"] is not None for row in rows)


def test_similar_proteins_are_near_in_every_head(at_random: Atlas) -> None:
    values = heads_of(at_random)
    sums: dict[str, float] = {}
    for of in values.values():
        columns = (lambda r: r["n_edges"] / r["length"], lambda r: r["helix_share"], lambda r: r["beyond6_share"])
        for column in columns:
            numbers = {r["accession"]: column(r) for r in of}
            sd = statistics.stdev(numbers.values())
            for accession, x in numbers.items():
                sums[accession] = sums.get(accession, 0) + ((x - numbers["R007"]) / sd) ** 2
    rows = asked(at_random, "similar_proteins", protein="T007")  # the same sequence as R007
    assert len(rows) == 79
    assert not {"R007", "T007"} & {row["accession"] for row in rows}
    for row in rows:
        assert row["distance"] == pytest.approx(math.sqrt(sums[row["accession"]] / (3 * len(values))), abs=6e-4)
    assert [row["distance"] for row in rows] == sorted(row["distance"] for row in rows)
