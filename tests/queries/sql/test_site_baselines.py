"""High-attention sites beside simpler choices of residues, each chosen and counted again in Python."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.annotated import annotate
from helpers.default_cases import each_nth_by_default
from helpers.handmade import hand, write_handmade
from helpers.jackknife_oracle import Estimate, agrees, estimate
from helpers.site_case import N_LAYERS, TYPES, Part, SiteCase, matched_hits, matched_variance, within_k

from attlas.queries import Atlas
from attlas.schema import AtlasPaths, Manifest

pytestmark = pytest.mark.slow

SITES, HEAD_MAX = "high-attention sites", "head-max sites"
LAST, ANY, ALL = "last layer, top n", "any layer, top n", "all layers, top n"
RANDOM, LETTERS = "random", "random of the same letters"
CASES = [("Active site", 0), ("Binding site", 0), ("Binding site", 2), ("Disulfide bond", 100)]

Key = tuple[str, int | None]
"""Method and layer."""


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteCase]:
    case = SiteCase(tmp_path_factory.mktemp("baselines") / "atlas")
    yield case
    case.atlas.close()


def choices(case: SiteCase, accession: str) -> dict[Key, set[int]]:
    """Return the residues that each method chooses of a protein."""
    n = len(case.sites[accession])
    sites_by_choice: dict[Key, set[int]] = {
        (SITES, None): set(case.sites[accession]),
        (HEAD_MAX, None): set(case.head_max[accession]),
        (ALL, None): set(),
    }
    for layer, profile in enumerate(case.received(accession)):
        top = set(sorted(range(1, len(profile) + 1), key=lambda at: (-profile[at - 1], at))[:n])
        sites_by_choice[LAST if layer == N_LAYERS - 1 else ANY, layer] = top
        sites_by_choice[ALL, None] |= top
    return sites_by_choice


def parts_of(case: SiteCase, type_: str, k: int) -> tuple[dict[Key, list[Part]], dict[Key, int]]:
    """Return for each method what it hits, by protein, and how many of the labelled residues it finds."""
    parts: dict[Key, list[Part]] = {}
    n_with_feature: dict[Key, int] = {}
    for accession in case.carriers(type_):
        labelled, n = case.labelled(accession, type_), len(case.sequences[accession])
        near = within_k(labelled, k, n)
        for key, positions in choices(case, accession).items():
            part = Part(accession, len(positions), len(positions & near), len(near), n)
            parts.setdefault(key, []).append(part)
            n_with_feature[key] = n_with_feature.get(key, 0) + len(labelled & within_k(positions, k, n))
    return parts, n_with_feature


COLUMNS = ("enrichment_low", "enrichment_high", "t", "log10_p")


def of_choice(parts: list[Part]) -> Estimate:
    hits, expected = np.array([part.n_hits for part in parts]), np.array([part.expected for part in parts])
    return estimate(hits - expected, expected, [part.variance for part in parts])


def ratio(parts: list[Part]) -> float:
    return sum(part.n_hits for part in parts) / sum(part.expected for part in parts)


def by_method(rows: list[dict]) -> dict[Key, dict]:
    return {(row["method"], row["layer"]): row for row in rows}


@pytest.mark.parametrize(("type_", "k"), each_nth_by_default(CASES, 6))
def test_choices_are_those_by_enumeration(case: SiteCase, type_: str, k: int) -> None:
    parts, n_found = parts_of(case, type_, k)
    n_labelled = sum(len(case.labelled(a, type_)) for a in case.carriers(type_))
    rows = by_method(case.ask("site_baselines", types=type_, within=[k]))
    assert set(rows) == {*parts, (RANDOM, None), (LETTERS, None)}
    for key, choice_parts in parts.items():
        row = rows[key]
        n, hits, expected = (
            sum(x) for x in zip(*((p.n_sites, p.n_hits, p.expected) for p in choice_parts), strict=True)
        )
        assert (row["n_proteins"], row["n_labelled"]) == (len(case.carriers(type_)), n_labelled)
        assert (row["n_sites"], row["n_hits"]) == (n, hits)
        assert row["precision"] == pytest.approx(hits / n, abs=6e-5)
        assert row["recall"] == pytest.approx(n_found[key] / n_labelled, abs=6e-5)
        assert row["expected"] == pytest.approx(expected, abs=0.006)
        assert row["background"] == pytest.approx(expected / n, abs=6e-5)
        assert row["enrichment"] == pytest.approx(hits / expected, abs=0.006)
        sd = np.sqrt(sum(part.variance for part in choice_parts))
        assert row["sd"] == pytest.approx(sd, abs=0.006)
        if sd > 1e-6:
            agrees(row, COLUMNS, of_choice(choice_parts), hits / expected, len(parts), most=np.inf, rounding=0.006)
        else:
            assert (row["note"], row["log10_p"]) == ("all proteins agree", None)


@pytest.mark.parametrize(("type_", "k"), each_nth_by_default(CASES[:3], 3))  # in the last all is hit
def test_differences_are_those_of_leaving_proteins_out(case: SiteCase, type_: str, k: int) -> None:
    parts, _ = parts_of(case, type_, k)
    rows = by_method(case.ask("site_baselines", types=type_, within=[k]))
    assert (rows[SITES, None]["difference_low"], rows[SITES, None]["difference_high"]) == (None, None)
    sites = {part.accession: part for part in parts[SITES, None]}
    for key, choice_parts in parts.items():
        if key[0] == SITES:
            continue
        others = {part.accession: part for part in choice_parts}

        def difference(names: list[str], others: dict[str, Part] = others) -> float:
            return ratio([sites[a] for a in names]) - ratio([others[a] for a in names if a in others])

        counted = [a for a, part in sites.items() if part.n_sites]
        whole = difference(list(sites))
        left = [difference([a for a in sites if a != name]) - whole for name in sites]
        error = np.sqrt((len(counted) - 1) / len(counted) * np.square(left).sum())
        df = min(of_choice(parts[SITES, None]).df, of_choice(choice_parts).df)
        reach = Estimate(whole, error, df).reach(len(parts))
        row = rows[key]
        bounds = whole - reach, whole + reach
        assert (row["difference_low"], row["difference_high"]) == pytest.approx(bounds, abs=0.006 + 1e-3 * reach)


@pytest.mark.parametrize(("type_", "k"), each_nth_by_default(CASES, 6))
def test_random_residues_are_as_in_closed_form_and_as_drawn(case: SiteCase, type_: str, k: int) -> None:
    rows = by_method(case.ask("site_baselines", types=type_, within=[k]))
    rng, n_draws = np.random.default_rng(4), 300
    hits, n_found = np.zeros(n_draws), np.zeros(n_draws)
    for accession in case.carriers(type_):
        n, labelled = len(case.sequences[accession]), case.labelled(accession, type_)
        near = within_k(labelled, k, n)
        for i in range(n_draws):
            drawn = set((rng.permutation(n)[: len(case.sites[accession])] + 1).tolist())
            hits[i] += len(drawn & near)
            n_found[i] += sum(any(abs(at - p) <= k for p in drawn) for at in labelled)
    row, sites = rows[RANDOM, None], rows[SITES, None]
    error = 5 / np.sqrt(n_draws)
    assert row["n_hits"] == pytest.approx(hits.mean(), abs=error * hits.std() + 0.006)
    assert row["sd"] == pytest.approx(hits.std(), rel=0.2, abs=0.006)
    assert row["recall"] == pytest.approx(
        n_found.mean() / row["n_labelled"], abs=error * n_found.std() / row["n_labelled"] + 1e-4
    )
    assert (row["n_sites"], row["expected"]) == (sites["n_sites"], sites["expected"])
    assert (row["enrichment"], row["t"], row["log10_p"], row["note"]) == (1, None, None, None)


@pytest.mark.parametrize(("type_", "k"), each_nth_by_default(CASES, 6))
def test_random_residues_of_the_same_letters(case: SiteCase, type_: str, k: int) -> None:
    row = by_method(case.ask("site_baselines", types=type_, within=[k]))[LETTERS, None]
    hits = variance = 0.0
    for accession in case.carriers(type_):
        letters = dict(enumerate(case.sequences[accession], start=1))
        near = within_k(case.labelled(accession, type_), k, len(letters))
        hits += matched_hits(case.sites[accession], near, letters)
        variance += matched_variance(case.sites[accession], near, letters)
    assert (row["n_hits"], row["sd"]) == pytest.approx((hits, np.sqrt(variance)), abs=0.006)
    (whole,) = case.ask("sites_at_features", types=type_, within=[k])
    assert row["precision"] == whole["matched_background"]
    assert (row["recall"], row["t"], row["log10_p"]) == (None, None, None)


@pytest.mark.thorough
def test_the_sites_are_those_of_the_question_on_sites(case: SiteCase) -> None:
    given = {"types": list(TYPES), "within": [0, 3]}
    rows = [r for r in case.ask("site_baselines", **given) if r["method"] == SITES]
    wholes = case.ask("sites_at_features", **given)
    assert len(rows) == len(TYPES) * 2
    same = ("n_proteins", "n_sites", "n_labelled", "n_hits", "precision", "recall", "background")
    names = ("type", "within", *same, "enrichment", "t")
    assert [[r[name] for name in names] for r in rows] == [[w[name] for name in names] for w in wholes]


@pytest.mark.thorough
def test_p_values_are_corrected_for_every_test_of_the_answer(case: SiteCase) -> None:
    row_of_one_type = by_method(case.ask("site_baselines", types="Binding site"))[SITES, None]
    two = case.ask("site_baselines", types=["Active site", "Binding site"], within=[0, 1])
    (other,) = (r for r in two if (r["method"], r["type"], r["within"]) == (SITES, "Binding site", 0))
    assert other["log10_p"] - row_of_one_type["log10_p"] == pytest.approx(np.log10(4), abs=0.011)
    assert row_of_one_type["log10_p"] < -1.3


@pytest.mark.thorough
def test_the_order_is_that_of_the_methods(case: SiteCase) -> None:
    rows = case.ask("site_baselines", types="Active site")
    methods = [(SITES, None), (HEAD_MAX, None), (LAST, 3), (ANY, 0), (ANY, 1), (ANY, 2), (ALL, None)]
    assert [(row["method"], row["layer"]) for row in rows] == [*methods, (RANDOM, None), (LETTERS, None)]


@pytest.mark.thorough
def test_an_atlas_without_head_max_sites_has_no_row_of_them(case: SiteCase, tmp_path: Path) -> None:
    shutil.copytree(case.root, tmp_path / "atlas")
    manifest = Manifest.read(AtlasPaths(tmp_path / "atlas"))
    files = tuple(file for file in manifest.files if file.table != "head_max_sites")
    assert len(files) < len(manifest.files)
    type(manifest)(**{**vars(manifest), "files": files}).write(AtlasPaths(tmp_path / "atlas"))
    with Atlas.open(tmp_path / "atlas") as atlas:
        rows = atlas.ask("site_baselines", types="Active site").to_pylist()
    kept = [row for row in case.ask("site_baselines", types="Active site") if row["method"] != HEAD_MAX]
    names = {name for name in kept[0] if not name.endswith(("log10_p", "_low", "_high", "confidence"))}  # one test less
    assert [{n: row[n] for n in names} for row in rows] == [{n: row[n] for n in names} for row in kept]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Atlas]:
    proteins = [
        hand("A1", "MKCAACGGHW", sites=(3, 6), layer=1),
        hand("A2", "MKCAACGGHW", sites=(3, 6), layer=1),
        hand("N1", "MGGGGGGGGG", layer=0, note="none above the elbow"),
        hand("T1", "MK", note="too short"),
    ]
    write_handmade(tmp_path / "atlas", proteins)
    features = [("A1", "Site", 3, 3), ("A2", "Site", 3, 3), ("N1", "Lipid", 1, 1), ("T1", "Lipid", 1, 1)]
    annotate(tmp_path / "atlas", [*features, ("A1", "Chain", 1, 10), ("A1", "Motif", 10, 10)])
    with Atlas.open(tmp_path / "atlas") as opened:
        yield opened


@pytest.mark.thorough
def test_proteins_without_a_site_have_rows_without_numbers(small: Atlas) -> None:
    rows = small.ask("site_baselines", types="Lipid").to_pylist()
    assert [row["method"] for row in rows] == [SITES, RANDOM, LETTERS]
    for row in rows:
        assert (row["n_proteins"], row["n_sites"], row["n_labelled"], row["n_hits"]) == (1, 0, 1, 0)
        unknown = ("precision", "background", "enrichment", "enrichment_low", "difference_low", "t", "log10_p")
        assert [row[name] for name in unknown] == [None] * len(unknown)
        assert row["note"] == "fewer than 5 proteins"


@pytest.mark.thorough
def test_one_protein_says_nothing_of_how_proteins_differ(small: Atlas) -> None:
    rows = by_method(small.ask("site_baselines", types="Site").to_pylist())
    assert {row["n_proteins"] for row in rows.values()} == {1}  # one sequence under two accessions
    bounds = {
        row[f"{name}_{end}"]
        for row in rows.values()
        for name in ("enrichment", "difference")
        for end in ("low", "high")
    }
    assert bounds == {None}
    assert rows[SITES, None]["enrichment"] == 5
    assert rows[ANY, 0]["n_hits"] == 0  # all residues receive alike: the first two are the top


@pytest.mark.thorough
def test_a_feature_of_every_residue_is_hit_by_every_choice(small: Atlas) -> None:
    rows = small.ask("site_baselines", types="Chain").to_pylist()
    assert {row["method"] for row in rows} >= {SITES, LAST, ANY, ALL, RANDOM, LETTERS}
    for row in rows:
        assert (row["precision"], row["background"], row["enrichment"], row["sd"]) == (1, 1, 1, 0)
        assert (row["t"], row["log10_p"]) == (None, None)


@pytest.mark.thorough
def test_no_hit_at_all_is_an_answer(small: Atlas) -> None:
    rows = by_method(small.ask("site_baselines", types="Motif").to_pylist())
    row = rows[SITES, None]
    assert (row["n_hits"], row["precision"], row["recall"], row["enrichment"], row["log10_p"]) == (0, 0, 0, 0, None)
    assert (rows[RANDOM, None]["n_hits"], rows[RANDOM, None]["recall"]) == (0.2, 0.2)
    assert rows[LETTERS, None]["n_hits"] == 0  # W, the only one, is no site
