"""High-attention sites against features along the sequence, against sets and scipy."""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.annotated import annotate
from helpers.handmade import hand, write_handmade
from helpers.jackknife_oracle import agrees, estimate, near
from helpers.site_case import TYPES, Part, SiteCase, matched_hits, matched_variance, within_k
from scipy.stats import bootstrap
from scipy.stats import t as student_t

from attlas.queries import Atlas
from attlas.queries.asking.answering import ask
from attlas.schema import QuestionError

pytestmark = pytest.mark.slow

REACHES = [0, 1, 3, 100]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteCase]:
    case = SiteCase(tmp_path_factory.mktemp("sites") / "atlas")
    yield case
    case.atlas.close()


def parts_of(case: SiteCase, type_: str, k: int) -> list[Part]:
    parts = []
    for accession in case.carriers(type_):
        n, sites = len(case.sequences[accession]), case.sites[accession]
        near = within_k(case.labelled(accession, type_), k, n)
        parts.append(Part(accession, len(sites), len(near & set(sites)), len(near), n))
    return parts


def matched_of(case: SiteCase, type_: str, k: int) -> list[tuple[float, float]]:
    """Return for each protein the mean and the variance of the hits of residues of the same letters."""
    moments = []
    for accession in case.carriers(type_):
        letters = dict(enumerate(case.sequences[accession], start=1))
        sites, area = case.sites[accession], within_k(case.labelled(accession, type_), k, len(letters))
        moments.append((matched_hits(sites, area, letters), matched_variance(sites, area, letters)))
    return moments


@pytest.mark.parametrize("type_", TYPES)
def test_sites_at_features_are_those_by_enumeration(case: SiteCase, type_: str) -> None:
    rows = case.ask("sites_at_features", types=type_, within=REACHES)
    assert [row["within"] for row in rows] == REACHES
    for row, k in zip(rows, REACHES, strict=True):
        parts, matched = parts_of(case, type_, k), sum(mean for mean, _ in matched_of(case, type_, k))
        labelled = {part.accession: case.labelled(part.accession, type_) for part in parts}
        n_found = sum(len(labelled[p.accession] & within_k(case.sites[p.accession], k, p.n_all)) for p in parts)
        n, hits, expected = (sum(x) for x in zip(*((p.n_sites, p.n_hits, p.expected) for p in parts), strict=True))
        n_labelled = sum(map(len, labelled.values()))
        assert (row["n_proteins"], row["n_sites"], row["n_labelled"]) == (len(parts), n, n_labelled)
        assert row["n_hits"] == hits
        assert row["precision"] == pytest.approx(hits / n, abs=6e-5)
        assert row["recall"] == pytest.approx(n_found / n_labelled, abs=6e-5)
        assert row["background"] == pytest.approx(expected / n, abs=6e-5)
        assert row["enrichment"] == pytest.approx(hits / expected, abs=0.006)
        assert row["matched_background"] == pytest.approx(matched / n, abs=6e-5)
        assert row["matched_enrichment"] == pytest.approx(hits / matched, abs=0.006)
    assert (rows[-1]["precision"], rows[-1]["enrichment"]) == (1, 1)  # anything is within 100 residues
    assert (rows[-1]["log10_p"], rows[-1]["note"]) == (None, "all proteins agree")
    assert rows[0]["log10_p"] < -1  # the features were put at sites


@pytest.mark.parametrize("type_", TYPES)
def test_intervals_and_tests_are_those_of_leaving_proteins_out(case: SiteCase, type_: str) -> None:
    rows = case.ask("sites_at_features", types=type_, within=REACHES)
    assert len(rows) == len(REACHES)
    for row in rows[:-1]:  # within 100 residues all is hit
        parts, moments = parts_of(case, type_, row["within"]), matched_of(case, type_, row["within"])
        triples = ((p.n_hits, p.expected, p.variance) for p in parts)
        hits, expected, variance = (np.array(x) for x in zip(*triples, strict=True))
        names = ("enrichment_low", "enrichment_high", "t", "log10_p")
        of = estimate(hits - expected, expected, variance)
        agrees(row, names, of, 1 + of.beyond, len(rows), most=np.inf, rounding=0.006)
        bounds = np.clip([row["enrichment_low"], row["enrichment_high"]] * np.array(row["background"]), 0, 1)
        assert (row["precision_low"], row["precision_high"]) == pytest.approx(bounds, abs=2e-3)

        matched, matched_variances = (np.array(x) for x in zip(*moments, strict=True))
        of = estimate(hits - matched, matched, matched_variances)
        assert row["matched_log10_p"] == near(of.log10_p(len(rows)))
        reach = of.reach(len(rows))
        ends = max(1 + of.beyond - reach, 0), 1 + of.beyond + reach
        assert (row["matched_low"], row["matched_high"]) == pytest.approx(ends, abs=0.006 + 1e-3 * reach)
        assert row["confidence"] == 1 - 0.05 / len(rows)


@pytest.mark.parametrize("type_", TYPES)
def test_the_error_agrees_with_a_bootstrap_of_scipy(case: SiteCase, type_: str) -> None:
    parts = parts_of(case, type_, 1)
    hits, expected = (np.array(x) for x in zip(*((p.n_hits, p.expected) for p in parts), strict=True))
    spread = bootstrap(
        (hits, expected),
        lambda h, e, axis: h.sum(axis) / e.sum(axis),
        paired=True,
        vectorized=True,
        n_resamples=4000,
        rng=np.random.default_rng(3),
        method="percentile",
    ).standard_error
    chance = np.sqrt(sum(part.variance for part in parts)) / expected.sum()
    of = estimate(hits - expected, expected, [part.variance for part in parts])
    assert of.error == pytest.approx(max(spread, chance), rel=0.15)


@pytest.mark.thorough
def test_p_values_are_uniform_or_larger_where_sites_are_random(tmp_path: Path) -> None:
    """Sites are of random numbers here, and features of others: one in twenty is below 0.05, at most."""
    choose = random.Random(2)
    sequences = ["".join(choose.choices("ACDEFGHIKL", k=30)) for _ in range(12)]
    hands = [hand(f"P{i}", s, sites=tuple(choose.sample(range(1, 31), 3)), layer=1) for i, s in enumerate(sequences)]
    write_handmade(tmp_path / "atlas", hands)
    types = [f"T{i}" for i in range(200)]
    places = [(f"P{i}", t, choose.randint(1, 30)) for t in types for i in range(12)]
    annotate(tmp_path / "atlas", [(accession, t, at, at) for accession, t, at in places])
    with Atlas.open(tmp_path / "atlas") as atlas:
        rows = atlas.ask("sites_at_features", types=types, within=[2]).to_pylist()
    assert min(row["log10_p"] for row in rows) > -1.3  # corrected for 200 of them
    df = 11  # twelve proteins of one length, three sites and one residue with the feature each
    rejected = [abs(row["t"]) > student_t.isf(0.025, df) for row in rows]
    assert len(rejected) == 200
    assert 0 < np.mean(rejected) < 0.08


@pytest.mark.parametrize("k", [0, 2])
def test_proteins_add_up_to_the_pooled_numbers(case: SiteCase, k: int) -> None:
    pooled = case.ask("sites_at_features", types=list(TYPES), within=[k])
    rows = case.ask("sites_at_features_by_protein", types=list(TYPES), within=k)
    assert len(pooled) == len(TYPES)
    assert len(rows) == sum(row["n_proteins"] for row in pooled)
    for whole in pooled:
        protein_rows = [row for row in rows if row["type"] == whole["type"]]
        for name in ("n_sites", "n_labelled", "n_hits"):
            assert sum(row[name] for row in protein_rows) == whole[name]
        assert sum(row["n_found"] for row in protein_rows) / whole["n_labelled"] == pytest.approx(
            whole["recall"], abs=6e-5
        )
        for name, of in (("expected", "background"), ("matched_expected", "matched_background")):
            assert sum(row[name] for row in protein_rows) / whole["n_sites"] == pytest.approx(whole[of], abs=6e-5)


@pytest.mark.parametrize("k", [0, 2])
@pytest.mark.parametrize("type_", TYPES)
def test_the_nulls_of_a_protein_are_hypergeometric(case: SiteCase, type_: str, k: int) -> None:
    rows = {r["accession"]: r for r in case.ask("sites_at_features_by_protein", types=type_, within=k)}
    parts, matched = parts_of(case, type_, k), matched_of(case, type_, k)
    assert set(rows) == {part.accession for part in parts}
    for part, (mean, _) in zip(parts, matched, strict=True):
        row, letters = rows[part.accession], dict(enumerate(case.sequences[part.accession], start=1))
        near = within_k(case.labelled(part.accession, type_), k, part.n_all)
        spread = matched_variance(case.sites[part.accession], near, letters)
        assert (row["n_sites"], row["n_hits"]) == (part.n_sites, part.n_hits)
        assert (row["expected"], row["variance"]) == pytest.approx((part.expected, part.variance), abs=1e-6)
        assert (row["matched_expected"], row["matched_variance"]) == pytest.approx((mean, spread), abs=1e-6)


def test_the_hits_of_a_protein_are_named(case: SiteCase) -> None:
    rows = case.ask("sites_at_features_by_protein", types="Binding site")
    assert sorted(row["accession"] for row in rows) == sorted(case.carriers("Binding site"))
    assert sum(row["hits"] is not None for row in rows) > 10
    for row in rows:
        sequence, sites = case.sequences[row["accession"]], case.sites[row["accession"]]
        hits = sorted(set(sites) & case.labelled(row["accession"], "Binding site"))
        assert row["hits"] == (" ".join(f"{sequence[at - 1]}{at}" for at in hits[:10]) or None)
        assert row["precision"] == (pytest.approx(len(hits) / len(sites), abs=6e-5) if sites else None)


def test_any_subset_is_a_select_around_the_question(case: SiteCase) -> None:
    """What `attlas ask --sql` prints, as a table of a query of one's own: here the proteins by the length."""
    text = ask(case.atlas, "sites_at_features_by_protein", {"types": "Binding site", "within": 1}).sql
    query = f"""
    SELECT p.length > 50 AS is_long, count(*) AS n_proteins, sum(n_hits) AS n_hits, sum(expected) AS expected
    FROM ({text}) AS b JOIN proteins AS p USING (accession)
    GROUP BY ALL
    """
    rows = {row["is_long"]: row for row in case.atlas.sql(query).to_pylist()}
    for is_long in (True, False):
        accessions = [a for a in case.carriers("Binding site") if (len(case.sequences[a]) > 50) is is_long]
        (row,) = case.ask("sites_at_features", types="Binding site", within=[1], proteins=accessions)
        assert (row["n_proteins"], row["n_hits"]) == (rows[is_long]["n_proteins"], rows[is_long]["n_hits"])
        ratio = float(rows[is_long]["n_hits"]) / rows[is_long]["expected"]
        assert row["enrichment"] == pytest.approx(ratio, abs=0.006)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Atlas]:
    """Return an atlas of four proteins, two of them one sequence; each has a feature of its own."""
    proteins = [
        hand("A1", "MKCAACGGHW", sites=(3, 6), layer=1),
        hand("A2", "MKCAACGGHW", sites=(3, 6), layer=1),
        hand("B1", "MACAACLLKR", sites=(3,), layer=1),
        hand("N1", "MGGGGGGGGG", layer=0, note="none above the elbow"),
    ]
    write_handmade(tmp_path / "atlas", proteins)
    spans = [
        ("A1", "Disulfide bond", 3, 6),
        ("A2", "Disulfide bond", 3, 6),
        ("B1", "Site", 2, 4),
        ("N1", "Lipid", 1, 1),
    ]
    more = [("A2", "Region", 1, 5), ("A1", "Chain", 1, 10), ("B1", "Chain", 1, 10), ("A1", "Motif", 1, 1)]
    annotate(tmp_path / "atlas", [*spans, *more])
    with Atlas.open(tmp_path / "atlas") as opened:
        yield opened


def test_a_bond_is_its_two_ends_and_counts_once(small: Atlas) -> None:
    (row,) = small.ask("sites_at_features", types="Disulfide bond", within=[0]).to_pylist()
    assert (row["n_proteins"], row["n_sites"], row["n_labelled"], row["n_hits"]) == (1, 2, 2, 2)
    assert (row["precision"], row["recall"], row["background"], row["enrichment"]) == (1, 1, 0.2, 5)
    assert (row["matched_background"], row["matched_enrichment"]) == (1, 1)  # both cysteines are at it
    names = ("enrichment_low", "enrichment_high", "t", "log10_p", "matched_low", "matched_log10_p", "confidence")
    assert {row[name] for name in names} == {None}
    assert row["note"] == "fewer than 5 proteins"


def test_a_sequence_is_taken_by_the_accession_that_has_the_feature(small: Atlas) -> None:
    (row,) = small.ask("sites_at_features_by_protein", types="Region").to_pylist()
    assert (row["accession"], row["n_labelled"], row["n_hits"], row["hits"]) == ("A2", 5, 1, "C3")


def test_a_protein_without_sites_counts_as_one_without(small: Atlas) -> None:
    (row,) = small.ask("sites_at_features", types="Lipid", within=[0]).to_pylist()
    assert (row["n_proteins"], row["n_sites"], row["n_hits"], row["recall"]) == (1, 0, 0, 0)
    columns = ("type", "within", "n_proteins", "n_sites", "n_labelled", "n_hits", "recall", "note")
    assert {name: value for name, value in row.items() if name not in columns and value is not None} == {}


def test_a_window_stops_at_the_ends_of_the_sequence(small: Atlas) -> None:
    (row,) = small.ask("sites_at_features", types="Site", within=[1000]).to_pylist()
    assert (row["precision"], row["recall"], row["background"], row["enrichment"]) == (1, 1, 1, 1)


def test_a_feature_of_every_residue_is_hit_by_chance(small: Atlas) -> None:
    (row,) = small.ask("sites_at_features", types="Chain", within=[0]).to_pylist()
    assert (row["n_proteins"], row["precision"], row["background"], row["enrichment"]) == (2, 1, 1, 1)
    names = ("enrichment_low", "enrichment_high", "matched_low", "matched_high", "log10_p")
    assert {row[name] for name in names} == {None}


def test_no_hit_is_an_answer(small: Atlas) -> None:
    (row,) = small.ask("sites_at_features", types="Motif", within=[0]).to_pylist()
    assert (row["n_hits"], row["precision"], row["enrichment"], row["log10_p"]) == (0, 0, 0, None)
    assert (row["matched_background"], row["matched_enrichment"]) == (0, None)  # no site is a methionine
    (protein_row,) = small.ask("sites_at_features_by_protein", types="Motif").to_pylist()
    assert (protein_row["hits"], protein_row["matched_expected"], protein_row["matched_variance"]) == (None, 0, 0)


def test_only_types_that_are_there_have_rows(small: Atlas) -> None:
    with pytest.raises(QuestionError, match=r"no 'Zinc finger' in features.type"):
        small.ask("sites_at_features", types=["Zinc finger", "Site"])
    counted = Counter(small.ask("sites_at_features", types="site")["type"].to_pylist())
    assert counted == {"Site": 4}
