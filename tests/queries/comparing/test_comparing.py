"""Agreement with sites from elsewhere: numbers against scipy, statsmodels and sets; round trips; the verb itself."""

import csv
import io
import json
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.default_cases import each_nth_by_default
from helpers.reading_case import PROTEINS
from helpers.synthetic import AMINO_ACIDS, SyntheticProtein, write_atlas
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap, hypergeom, ttest_1samp
from scipy.stats import t as student
from statsmodels.stats.proportion import proportion_confint
from typer.testing import CliRunner

from attlas.cli.main import app
from attlas.queries import Atlas, compare
from attlas.queries.comparing.agreement import Agreement
from attlas.queries.comparing.pooling import (
    NO_INTERVAL,
    Estimate,
    Measure,
    mean_estimate,
    pooled_measures,
    ratio_estimate,
    wilson_estimate,
)
from attlas.queries.comparing.student_t import MAX_DF_OF_SUM, NORMAL_QUANTILE, t_quantile
from attlas.schema import SITES, BrokenAtlasError, InputError

Sites = dict[str, list[int]]
COMPUTED = [protein.accession for protein in PROTEINS if protein.status == "ok"]
EXPORTS = ("csv", "tsv", "parquet", "gff3", "jsonl")


def sites_of(atlas: Atlas) -> Sites:
    """Return the sites of every computed protein by rank."""
    rows = atlas.sql("SELECT accession, position FROM sites ORDER BY accession, rank").to_pylist()
    sites: Sites = {accession: [] for accession in COMPUTED}
    for row in rows:
        sites[row["accession"]].append(row["position"])
    return sites


def table(path: Path, sites: Sites, *, shift: int = 0) -> Path:
    path.write_text(
        "".join(f"{id}\t{';'.join(str(p + shift) for p in positions)}\n" for id, positions in sites.items())
    )
    return path


def numbers(pooled: pa.Table) -> dict[str, float | None]:
    return {row["measure"]: row["value"] for row in pooled.to_pylist()}


def shared_by_chance(length: int, n: int, m: int) -> tuple[float, float]:
    """Return mean and variance of what random sets share, from the probability of each number."""
    k = np.arange(min(n, m) + 1)
    p = hypergeom.pmf(k, length, n, m)  # its own moments divide by zero where a set is empty
    return float((p * k).sum()), float((p * k**2).sum() - (p * k).sum() ** 2)


def attlas(*words: str | Path) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, list(map(str, words)))
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture(scope="module")
def perturbed(atlas_dir: Path) -> Sites:
    """Return other sites for every protein: some of ours, some at random, in an order of their own."""
    choose = random.Random(4)
    lengths = {protein.accession: len(protein.sequence) for protein in PROTEINS}
    with Atlas.open(atlas_dir) as atlas:
        sites = sites_of(atlas)
    other_sites = {}
    for accession, positions in sites.items():
        others = choose.sample(range(1, lengths[accession] + 1), min(3, lengths[accession]))
        other_sites[accession] = list(dict.fromkeys([*choose.sample(positions, len(positions) // 2), *others]))
    return other_sites


@pytest.mark.parametrize("format", each_nth_by_default(EXPORTS, 3))
def test_an_export_of_the_atlas_agrees_with_it_in_everything(atlas_dir: Path, tmp_path: Path, format: str) -> None:
    path = tmp_path / f"sites.{format}"
    assert attlas("export", atlas_dir, format, "-o", path)[0] == 0
    with Atlas.open(atlas_dir) as atlas:
        comparison, sites = compare(atlas, path), sites_of(atlas)
    with_sites = sorted(accession for accession, positions in sites.items() if positions)
    expected = sorted(sites) if format in ("gff3", "jsonl") else with_sites  # tables of sites have no other proteins
    assert comparison.base == 1
    assert comparison.proteins["accession"].to_pylist() == expected
    for row in comparison.proteins.to_pylist():
        assert (row["n_ours"], row["n_theirs"], row["n_both"]) == (len(sites[row["accession"]]),) * 3
        assert row["is_same_set"]
        assert (row["only_ours"], row["only_theirs"]) == ("", "")
        if row["n_ours"]:
            agreed = (row["jaccard"], row["distance"], row["is_same_layer"], row["is_same_order"])
            assert agreed == (1, 0, True, True)
    pooled = numbers(comparison.pooled)
    assert [pooled[name] for name in ("precision", "recall", "jaccard", "mean_jaccard", "same_set", "same_layer")] == [
        1
    ] * 6
    assert pooled["n_only_ours"] == len(COMPUTED) - len(expected)


def test_an_atlas_agrees_with_itself_and_its_gaps_are_named(atlas_dir: Path) -> None:
    with Atlas.open(atlas_dir) as atlas:
        comparison = compare(atlas, atlas_dir)
    assert comparison.proteins["accession"].to_pylist() == sorted(COMPUTED)
    assert numbers(comparison.pooled)["same_order"] == 1
    assert {(row["id"], row["reason"]) for row in comparison.rejected.to_pylist()} == {
        ("Q00003", "protein not computed"),
        ("Q00004", "protein not computed"),
    }
    assert numbers(comparison.pooled)["n_left_out"] == 2


def test_an_atlas_of_other_sequences_is_left_out_protein_by_protein(atlas: Atlas, tmp_path: Path) -> None:
    changed = [
        SyntheticProtein("P04637", PROTEINS[0].sequence[::-1]),
        SyntheticProtein("Q00001", PROTEINS[4].sequence),
        SyntheticProtein("P0DP23", PROTEINS[2].sequence, status="failed", reason="out of memory"),
    ]
    write_atlas(tmp_path / "other", changed)
    comparison = compare(atlas, tmp_path / "other")
    assert comparison.proteins["accession"].to_pylist() == ["Q00001"]
    reasons = {(row["id"], row["reason"], row["detail"]) for row in comparison.rejected.to_pylist()}
    assert ("P04637", "another sequence", "its checksum differs") in reasons
    assert ("P0DP23", "protein not computed in the source", "failed: out of memory") in reasons


def test_rows_by_protein_are_what_sets_say(atlas: Atlas, tmp_path: Path, perturbed: Sites) -> None:
    comparison = compare(atlas, table(tmp_path / "theirs.tsv", perturbed), base=1, near=5)
    atlas_sites = sites_of(atlas)
    assert comparison.proteins["accession"].to_pylist() == sorted(perturbed)
    sequences = {protein.accession: protein.sequence for protein in PROTEINS}
    for row in comparison.proteins.to_pylist():
        positions, table_positions = atlas_sites[row["accession"]], perturbed[row["accession"]]
        both, either = {*positions} & {*table_positions}, {*positions} | {*table_positions}
        gaps = [min(abs(p - q) for q in positions) for p in table_positions] if positions else []
        assert (row["n_ours"], row["n_theirs"], row["n_both"]) == (len(positions), len(table_positions), len(both))
        assert row["jaccard"] == pytest.approx(len(both) / len(either), abs=1e-4)
        assert row["is_same_set"] == ({*positions} == {*table_positions})
        assert row["is_same_order"] == (positions == table_positions)
        mean, _ = shared_by_chance(row["length"], len(positions), len(table_positions))
        assert row["n_expected"] == pytest.approx(mean, abs=1e-4)
        assert row["distance"] == (pytest.approx(np.mean(gaps), abs=1e-4) if gaps else None)
        assert row["n_near"] == sum(gap <= 5 for gap in gaps)
        letters = sequences[row["accession"]]
        assert row["only_theirs"] == " ".join(f"{letters[p - 1]}{p}" for p in table_positions if p not in both)
        assert row["only_ours"] == " ".join(f"{letters[p - 1]}{p}" for p in positions if p not in both)


def test_the_same_table_counted_from_0_gives_the_same_numbers(atlas: Atlas, tmp_path: Path, perturbed: Sites) -> None:
    from_1 = compare(atlas, table(tmp_path / "from1.tsv", perturbed), base=1)
    from_0 = compare(atlas, table(tmp_path / "from0.tsv", perturbed, shift=-1), base=0)
    assert from_0.proteins.equals(from_1.proteins)
    assert from_0.pooled.equals(from_1.pooled)


def test_pooled_numbers_are_those_of_sums_over_distinct_sequences(
    atlas: Atlas, tmp_path: Path, perturbed: Sites
) -> None:
    table_sites = {**perturbed, "P0DP24": perturbed["P0DP23"]}  # two accessions of one sequence that agree
    comparison = compare(atlas, table(tmp_path / "theirs.tsv", table_sites), base=1)
    atlas_sites = sites_of(atlas)
    used = [accession for accession in COMPUTED if accession != "P0DP24"]
    atlas_sets, table_sets = ([set(sites[accession]) for accession in used] for sites in (atlas_sites, table_sites))
    n_both = sum(len(a & b) for a, b in zip(atlas_sets, table_sets, strict=True))
    pooled = numbers(comparison.pooled)
    assert pooled["n_proteins"] == len(COMPUTED)
    assert pooled["n_sequences"] == len(used)
    assert pooled["n_both"] == n_both
    assert pooled["precision"] == pytest.approx(n_both / sum(map(len, atlas_sets)), abs=1e-4)
    assert pooled["recall"] == pytest.approx(n_both / sum(map(len, table_sets)), abs=1e-4)
    either = [a | b for a, b in zip(atlas_sets, table_sets, strict=True)]
    assert pooled["jaccard"] == pytest.approx(n_both / sum(map(len, either)), abs=1e-4)
    jaccards = [len(a & b) / len(a | b) for a, b in zip(atlas_sets, table_sets, strict=True) if a | b]
    assert pooled["mean_jaccard"] == pytest.approx(np.mean(jaccards), abs=1e-4)


def test_accessions_of_one_sequence_that_disagree_count_twice(atlas: Atlas, tmp_path: Path) -> None:
    comparison = compare(atlas, table(tmp_path / "theirs.tsv", {"P0DP23": [1], "P0DP24": [2]}), base=1)
    assert numbers(comparison.pooled)["n_sequences"] == 2


def random_agreements(n: int, seed: int) -> list[Agreement]:
    choose = random.Random(seed)
    agreements = []
    for _ in range(n):
        length = choose.randint(20, 400)
        atlas_sites, table_sites = (choose.sample(range(1, length + 1), choose.randint(0, 9)) for _ in range(2))
        table_sites = [*dict.fromkeys([*atlas_sites[: choose.randint(0, 9)], *table_sites])]
        layers = [choose.choice([None, 3, 4]) for _ in range(2)]
        hundredths = tuple(sorted((choose.randint(0, 100) for _ in atlas_sites), reverse=True))
        agreements.append(
            Agreement(length, tuple(atlas_sites), hundredths, tuple(table_sites), *layers, is_ordered=True)
        )
    return agreements


def by_name(agreements: list[Agreement]) -> dict[str, Measure]:
    return {measure.name: measure for measure in pooled_measures(agreements, near=3)}


def interval(measure: Measure) -> tuple[float | None, float | None]:
    return measure.estimate.low, measure.estimate.high


@pytest.mark.parametrize(("n_yes", "n"), [(0, 7), (7, 7), (3, 11), (500, 1009), (1, 5)])
def test_intervals_of_shares_are_those_of_statsmodels(n_yes: int, n: int) -> None:
    estimate = wilson_estimate(n_yes, n)
    assert (estimate.low, estimate.high) == pytest.approx(proportion_confint(n_yes, n, method="wilson"), abs=1e-12)


def test_shares_of_proteins_have_wilson_intervals_over_those_that_have_an_answer() -> None:
    agreements = random_agreements(200, 1)
    measures = by_name(agreements)
    layers = [(a.atlas_layer, a.table_layer) for a in agreements if None not in (a.atlas_layer, a.table_layer)]
    n_same = sum(atlas_layer == table_layer for atlas_layer, table_layer in layers)
    same_layer = measures["same_layer"]
    assert (same_layer.n, same_layer.estimate.value) == (len(layers), n_same / len(layers))
    assert interval(same_layer) == pytest.approx(proportion_confint(n_same, len(layers), method="wilson"))
    same = [a for a in agreements if {*a.atlas_sites} == {*a.table_sites}]
    assert measures["same_set"].estimate.value == len(same) / 200
    assert measures["same_order"].n == len([a for a in same if a.atlas_sites])


def test_the_number_expected_by_chance_is_the_sum_of_hypergeometric_means() -> None:
    agreements = random_agreements(50, 2)
    means = [shared_by_chance(a.length, len(a.atlas_sites), len(a.table_sites))[0] for a in agreements]
    assert by_name(agreements)["n_expected"].estimate.value == pytest.approx(sum(means))


@pytest.mark.thorough
@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(20, 60),
            st.sets(st.integers(1, 20), max_size=6).map(sorted),
            st.sets(st.integers(1, 20), max_size=6).map(sorted),
        ),
        min_size=1,
        max_size=30,
    )
)
def test_an_interval_leaves_chance_out_if_and_only_if_the_t_test_rejects_it(
    proteins: list[tuple[int, list[int], list[int]]],
) -> None:
    """scipy's one-sample t test of the linearised values, (y - ratio x) + mean of (y - x), against 0."""
    agreements = [
        Agreement(
            length, tuple(atlas_sites), (50,) * len(atlas_sites), tuple(table_sites), None, None, is_ordered=False
        )
        for length, atlas_sites, table_sites in proteins
    ]
    measures = by_name(agreements)
    enrichment = measures["enrichment"].estimate
    pairs = [(a.n_both, a.n_expected) for a in agreements if a.n_expected]
    if len(pairs) < 5:
        assert (enrichment.low, enrichment.high) == (None, None)
        return
    assert enrichment.low is not None
    assert enrichment.high is not None

    both, chance = (np.array(values, float) for values in zip(*pairs, strict=True))
    ratio = both.sum() / chance.sum()
    values = both - ratio * chance + (both - chance).mean()
    assume(values.std() > 1e-9)
    p = ttest_1samp(values, 0).pvalue
    assume(abs(p - 0.05) > 1e-6)
    assert (not enrichment.low <= 1 <= enrichment.high) == (p < 0.05)


def test_the_interval_of_a_ratio_is_near_that_of_a_bootstrap_over_proteins() -> None:
    agreements = random_agreements(600, 3)
    n_both, n_table_sites = (
        np.array([f(a) for a in agreements], float) for f in (lambda a: a.n_both, lambda a: len(a.table_sites))
    )
    estimate = ratio_estimate(list(n_both), list(n_table_sites))
    again = bootstrap(
        (n_both, n_table_sites), lambda y, x, axis: y.sum(axis) / x.sum(axis), paired=True, n_resamples=4000, rng=5,
        method="percentile",
    ).confidence_interval  # fmt: skip
    assert estimate.value == pytest.approx(n_both.sum() / n_table_sites.sum())
    assert (estimate.low, estimate.high) == pytest.approx((again.low, again.high), abs=0.006)
    assert by_name(agreements)["recall"].estimate == estimate


def test_quantiles_of_t_are_those_of_scipy() -> None:
    few, many = list(range(1, 2 * MAX_DF_OF_SUM)), [1000, 4259, 20_430, 10**6]
    assert [t_quantile(df) for df in few + many] == pytest.approx(student.ppf(0.975, few + many), rel=1e-9)
    assert t_quantile(10**9) == pytest.approx(NORMAL_QUANTILE, abs=1e-8)


@pytest.mark.parametrize("n", [5, 10, 20])
def test_the_interval_of_a_mean_of_few_holds_what_it_is_reported_to(n: int) -> None:
    drawn = np.random.default_rng(n).normal(0.5, 0.1, (4000, n))
    estimates = [mean_estimate(list(row)) for row in drawn]
    ends = np.array([(estimate.low, estimate.high) for estimate in estimates])
    assert ((ends[:, 0] <= 0.5) & (ends[:, 1] >= 0.5)).mean() == pytest.approx(0.95, abs=0.015)
    expected = student.interval(0.95, n - 1, drawn[0].mean(), drawn[0].std(ddof=1) / np.sqrt(n))
    assert ends[0] == pytest.approx((max(0, expected[0]), expected[1]), rel=1e-9)


def test_proteins_with_nothing_to_divide_by_do_not_narrow_an_interval() -> None:
    numerators, denominators = [1.0, 2.0, 2.0, 1.0, 0.0], [2.0, 5.0, 3.0, 2.0, 1.0]
    alone = ratio_estimate(numerators, denominators)
    assert alone.low is not None
    assert ratio_estimate([*numerators, 0.0, 0.0], [*denominators, 0.0, 0.0]) == alone
    assert ratio_estimate([1.0, *[0.0] * 9], [2.0, *[0.0] * 9]) == Estimate(0.5)


def test_nothing_to_divide_by_gives_no_number_rather_than_a_wrong_one() -> None:
    empty = Agreement(30, (), (), (), 1, None, is_ordered=False)
    assert (empty.jaccard, empty.is_same_set, empty.is_same_order, empty.is_same_layer) == (None, True, None, None)
    assert {name for name, measure in by_name([empty]).items() if measure.estimate.value is None} == {
        *("precision", "recall", "jaccard", "within_3", "distance", "enrichment"),
        *("mean_jaccard", "same_order", "same_layer"),
    }


@pytest.mark.parametrize("n", [1, 2, 4])
def test_fewer_than_five_proteins_give_no_interval_and_say_so(n: int) -> None:
    agreements = [Agreement(30 + i, (1, 2), (100, 90), (1, 3), 1, 1, is_ordered=True) for i in range(n)]
    measures = by_name(agreements)
    assert [name for name, measure in measures.items() if interval(measure) != (None, None)] == []
    silent = {name for name, measure in measures.items() if NO_INTERVAL not in measure.says}
    assert silent == {"n_ours", "n_theirs", "n_both", "n_expected", "same_order"}  # counts, and what has no value
    assert measures["recall"].estimate.value == 0.5


@pytest.mark.parametrize(
    ("table_sites", "is_same"),
    [((9, 5, 3, 7), True), ((9, 3, 5, 7), True), ((9, 5, 7, 3), False), ((5, 9, 3, 7), False), ((9, 5, 3), False)],
    ids=["as ranked", "equal values the other way", "a lower value first", "the second first", "one is missing"],
)
def test_sites_of_one_rounded_value_have_no_order(table_sites: tuple[int, ...], is_same: bool) -> None:
    agreement = Agreement(30, (9, 5, 3, 7), (100, 80, 80, 60), table_sites, None, None, is_ordered=True)
    assert agreement.is_same_order is is_same


def test_every_column_is_documented_and_the_metadata_say_what_was_compared(atlas: Atlas, tmp_path: Path) -> None:
    path = table(tmp_path / "theirs.tsv", {"P0DP23": [1, 149]})
    comparison = compare(atlas, path)
    for written in (comparison.proteins, comparison.pooled, comparison.rejected):
        assert [field.name for field in written.schema if not field.metadata[b"doc"]] == []
    metadata = json.loads(comparison.pooled.schema.metadata[b"attlas"])
    assert (metadata["compared_with"], metadata["base"]) == ("theirs.tsv", 1)
    assert metadata["atlas_id"] == atlas.manifest.atlas_id


@pytest.mark.parametrize("by", ["all", "protein"])
def test_the_verb_writes_what_python_answers(atlas_dir: Path, tmp_path: Path, perturbed: Sites, by: str) -> None:
    path = table(tmp_path / "theirs.tsv", perturbed)
    with Atlas.open(atlas_dir) as atlas:
        comparison = compare(atlas, path, base=1)
    expected = comparison.pooled if by == "all" else comparison.proteins
    words = ("compare", atlas_dir, path, "--base", "1", "--by", by)
    code, out, err = attlas(*words, "--format", "json")
    assert (code, json.loads(out)) == (0, expected.to_pylist())
    assert [line.removeprefix("attlas: ") for line in err.splitlines()] == list(comparison.notes)
    assert attlas(*words, "-o", tmp_path / "out.parquet")[0] == 0
    assert pq.read_table(tmp_path / "out.parquet").equals(expected)
    rows = list(csv.DictReader(io.StringIO(attlas(*words, "--format", "csv")[1])))
    assert [*rows[0]] == expected.column_names
    assert len(rows) == expected.num_rows


def test_the_verb_writes_every_record_left_out(atlas_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "theirs.csv"
    path.write_text("accession,position\nP0DP23,149\nP0DP24,150\nP0DP24,3\nnobody,4\nP0DP23,149\n")
    code, _, err = attlas("compare", atlas_dir, path, "--rejected", tmp_path / "out.tsv")
    assert code == 0
    rows = list(csv.DictReader((tmp_path / "out.tsv").read_text().splitlines(), delimiter="\t"))
    assert [(row["reason"], row["id"], row["position"], row["line"]) for row in rows] == [
        ("id not in the atlas", "nobody", "4", "5"),
        ("position past the end", "P0DP24", "150", "3"),
        ("other site of a protein left out", "P0DP24", "3", "4"),
        ("site given before", "P0DP23", "149", "6"),
    ]
    assert "P0DP24 150 (line 3): 150; the protein has 149 residues, counted from 1" in err


def test_a_wrong_base_or_a_directory_that_is_no_atlas_is_refused(atlas: Atlas, tmp_path: Path) -> None:
    path = table(tmp_path / "theirs.tsv", {"P0DP23": [1]})
    with pytest.raises(InputError, match="no such base"):
        compare(atlas, path, base=2)
    with pytest.raises(InputError, match="fewer than 0"):
        compare(atlas, path, base=1, near=-1)
    with pytest.raises(BrokenAtlasError, match=r"manifest\.json"):
        compare(atlas, tmp_path)


def test_a_site_of_ours_has_its_rank_by_the_order_of_the_table(atlas: Atlas) -> None:
    """The order that `is_same_order` relies on is that of the declared table."""
    assert SITES.sort == ("sequence_id", "rank")
    assert AMINO_ACIDS.isalpha()
    ranks = atlas.sites("Q00005")["rank"].to_pylist()
    assert ranks == sorted(ranks)
