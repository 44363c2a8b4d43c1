"""High-attention sites near features in space: distances by numpy, the rest by sets, on random and hand-made rows."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from helpers.annotated import Point, Shown, annotate, place
from helpers.default_cases import each_nth_by_default
from helpers.handmade import hand, write_handmade
from helpers.jackknife_oracle import agrees, estimate, near
from helpers.site_case import (
    TYPES,
    Part,
    SiteCase,
    hypergeometric_variance,
    matched_hits,
    matched_variance,
)

from attlas.queries import Atlas
from attlas.queries.asking.answering import ask

pytestmark = pytest.mark.slow

REACHES = [0, 4, 8, 1000]
COLUMNS = ("enrichment_low", "enrichment_high", "t", "log10_p")


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SiteCase]:
    case = SiteCase(tmp_path_factory.mktemp("structures") / "atlas")
    yield case
    case.atlas.close()


@dataclass(frozen=True)
class Seen:
    """What the structure of a protein shows."""

    accession: str
    letters: dict[int, str]
    sites: set[int]
    labelled: set[int]
    n_all_sites: int
    n_all_labelled: int
    points: dict[int, Point]

    def near(self, positions: set[int], k: float) -> set[int]:
        """Return the residues shown that are within k angstrom of one of some."""
        if not positions:
            return set()
        at = np.array(list(self.points.values()))  # (residues, 3)
        to = np.array([self.points[position] for position in positions])  # (positions, 3)
        distances = np.linalg.norm(at[:, None] - to[None], axis=2).min(axis=1)
        return {position for position, d in zip(self.points, distances, strict=True) if d <= k}

    def part(self, k: float) -> Part:
        near = self.near(self.labelled, k)
        return Part(self.accession, len(self.sites), len(near & self.sites), len(near), len(self.points))


def seen_of(case: SiteCase, type_: str, atom: str = "cb") -> list[Seen]:
    proteins = []
    for accession in case.carriers(type_):
        points, labelled = case.structure(accession, atom), case.labelled(accession, type_)
        letters = {at: case.sequences[accession][at - 1] for at in points}
        sites, shown = set(case.sites[accession]), set(points)
        if labelled & shown:
            kept = sites & shown, labelled & shown
            proteins.append(Seen(accession, letters, *kept, len(sites), len(labelled), points))
    return proteins


@pytest.mark.parametrize("atom", ["ca", "cb"])
@pytest.mark.parametrize("type_", each_nth_by_default(TYPES, 6))
def test_sites_in_structure_are_those_by_numpy(case: SiteCase, type_: str, atom: str) -> None:
    seen = seen_of(case, type_, atom)
    rows = case.ask("sites_in_structure", types=type_, within=REACHES, atom=atom)
    assert [row["within"] for row in rows] == REACHES
    for row, k in zip(rows, REACHES, strict=True):
        parts = [of.part(k) for of in seen]
        n, hits, expected = (sum(x) for x in zip(*((p.n_sites, p.n_hits, p.expected) for p in parts), strict=True))
        matches = [matched_hits(of.sites, of.near(of.labelled, k), of.letters) for of in seen]
        n_labelled = sum(len(of.labelled) for of in seen)
        n_found = sum(len(of.labelled & of.near(of.sites, k)) for of in seen)
        assert (row["n_proteins"], row["n_left_out"]) == (len(seen), len(case.carriers(type_)) - len(seen))
        assert (row["n_sites"], row["n_labelled"], row["n_hits"]) == (n, n_labelled, hits)
        assert row["n_sites_unseen"] == sum(of.n_all_sites for of in seen) - n
        assert row["n_labelled_unseen"] == sum(of.n_all_labelled for of in seen) - n_labelled
        assert row["precision"] == pytest.approx(hits / n, abs=6e-5)
        assert row["recall"] == pytest.approx(n_found / n_labelled, abs=6e-5)
        assert row["background"] == pytest.approx(expected / n, abs=6e-5)
        assert row["enrichment"] == pytest.approx(hits / expected, abs=0.006)
        assert row["matched_background"] == pytest.approx(sum(matches) / n, abs=6e-5)
        assert row["matched_enrichment"] == pytest.approx(hits / sum(matches), abs=0.006)
        if k < 1000:  # within so many angstrom all is hit
            hit, mean = np.array([p.n_hits for p in parts]), np.array([p.expected for p in parts])
            of = estimate(hit - mean, mean, [p.variance for p in parts])
            agrees(row, COLUMNS, of, hits / expected, len(REACHES), most=math.inf, rounding=0.006)
            variances = [matched_variance(of.sites, of.near(of.labelled, k), of.letters) for of in seen]
            assert row["matched_log10_p"] == near(estimate(hit - np.array(matches), matches, variances).log10_p(4))
    assert rows[0]["n_sites_unseen"] > 0 < rows[0]["n_left_out"]
    assert (rows[-1]["precision"], rows[-1]["enrichment"]) == (1, 1)


@pytest.mark.thorough
def test_c_alpha_and_c_beta_give_other_numbers(case: SiteCase) -> None:
    rows = [case.ask("sites_in_structure", types="Binding site", within=[4], atom=atom) for atom in ("ca", "cb")]
    assert rows[0][0]["background"] != rows[1][0]["background"]
    assert rows[0][0]["n_sites"] > rows[1][0]["n_sites"]  # some residues have no C-beta


@pytest.mark.parametrize("k", [0, 6])
@pytest.mark.parametrize("type_", TYPES)
def test_the_numbers_of_a_protein(case: SiteCase, type_: str, k: int) -> None:
    rows = {r["accession"]: r for r in case.ask("sites_in_structure_by_protein", types=type_, within=k)}
    seen = seen_of(case, type_)
    assert set(rows) == {of.accession for of in seen}
    for of in seen:
        row, part, near = rows[of.accession], of.part(k), of.near(of.labelled, k)
        assert (row["n_residues"], row["n_sites"], row["n_hits"]) == (part.n_all, part.n_sites, part.n_hits)
        assert (row["n_labelled"], row["n_found"]) == (len(of.labelled), len(of.labelled & of.near(of.sites, k)))
        unseen = of.n_all_sites - len(of.sites), of.n_all_labelled - len(of.labelled)
        assert (row["n_sites_unseen"], row["n_labelled_unseen"]) == unseen
        variance = hypergeometric_variance(part.n_all, part.n_near, part.n_sites)
        assert (row["expected"], row["variance"]) == pytest.approx((part.expected, variance), abs=1e-6)
        nulls = matched_hits(of.sites, near, of.letters), matched_variance(of.sites, near, of.letters)
        assert (row["matched_expected"], row["matched_variance"]) == pytest.approx(nulls, abs=1e-6)
        named = [of.letters[at] + str(at) for at in sorted(of.sites & near)]
        assert [hit.split()[0] for hit in (row["hits"] or "").split(", ") if hit] == named
        distances = [float(hit.split()[1]) for hit in (row["hits"] or "").split(", ") if hit]
        for at, distance in zip(sorted(of.sites & near), distances, strict=True):
            assert distance == pytest.approx(
                min(math.dist(of.points[at], of.points[p]) for p in of.labelled), abs=0.051
            )


def test_proteins_add_up_to_the_pooled_numbers(case: SiteCase) -> None:
    pooled = case.ask("sites_in_structure", types=list(TYPES), within=[6])
    rows = case.ask("sites_in_structure_by_protein", types=list(TYPES), within=6)
    assert len(pooled) == len(TYPES)
    for whole in pooled:
        protein_rows = [row for row in rows if row["type"] == whole["type"]]
        assert len(protein_rows) == whole["n_proteins"]
        for name in ("n_sites", "n_sites_unseen", "n_labelled", "n_labelled_unseen", "n_hits"):
            assert sum(row[name] for row in protein_rows) == whole[name]
        assert sum(row["expected"] for row in protein_rows) / whole["n_sites"] == pytest.approx(
            whole["background"], abs=6e-5
        )


def test_any_subset_is_a_select_around_the_question(case: SiteCase) -> None:
    text = ask(case.atlas, "sites_in_structure_by_protein", {"types": "Binding site", "within": 4}).sql
    (sums,) = case.atlas.sql(f"SELECT sum(n_hits) AS k, count(*) AS n FROM ({text}) WHERE source = 'a.cif'").to_pylist()
    accessions = [of.accession for of in seen_of(case, "Binding site")]
    sources = case.ask("sites_in_structure_by_protein", types="Binding site", proteins=accessions)
    names = [row["accession"] for row in sources if row["source"] == "a.cif"]
    (row,) = case.ask("sites_in_structure", types="Binding site", within=[4], proteins=names)
    assert (row["n_hits"], row["n_proteins"]) == (sums["k"], sums["n"])


# By hand: residues on a line, 3 angstrom apart

LINE = "MKCAACGGHW"


def line(accession: str, source: str, chain: str, positions: range | list[int], *, beta: bool = True) -> list[Shown]:
    """Residues at 3 angstrom times their position, without C-beta where asked for."""
    return [
        Shown(accession, source, chain, at, LINE[at - 1], (3.0 * at, 0, 0), (3.0 * at, 1, 0) if beta else None)
        for at in positions
    ]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return an atlas of a sequence under two accessions, sites at 3 and 6, and of one without a site."""
    proteins = [
        hand("A1", LINE, sites=(3, 6), layer=1),
        hand("A2", LINE, sites=(3, 6), layer=1),
        hand("N1", "M" + LINE[1:9] + "G", layer=0, note="none above the elbow"),
    ]
    write_handmade(tmp_path / "atlas", proteins)
    spans = [("A1", "Site", 4, 4), ("A2", "Site", 4, 4), ("N1", "Lipid", 1, 1), ("A1", "Chain", 1, 10)]
    annotate(tmp_path / "atlas", [*spans, ("A1", "Tail", 10, 10), ("A1", "Ends", 1, 1), ("A1", "Ends", 10, 10)])
    return tmp_path / "atlas"


def asked(root: Path, shown: list[Shown], name: str = "sites_in_structure", **given: object) -> list[dict]:
    place(root, shown)
    with Atlas.open(root) as atlas:
        return atlas.ask(name, **given).to_pylist()


@pytest.mark.thorough
def test_reach_is_a_distance_in_angstrom_and_includes_its_end(root: Path) -> None:
    rows = asked(root, line("A1", "x.cif", "A", range(1, 11)), types="Site", within=[0, 2, 3, 5, 6, 9])
    assert [row["n_hits"] for row in rows] == [0, 0, 1, 1, 2, 2]
    assert [row["recall"] for row in rows] == [0, 0, 1, 1, 1, 1]
    # 3, 4 and 5 of ten residues are within 3 angstrom of residue 4, and so on
    assert [row["background"] for row in rows] == [0.1, 0.1, 0.3, 0.3, 0.5, 0.7]
    assert {(row["n_proteins"], row["n_sites"], row["enrichment_low"]) for row in rows} == {(1, 2, None)}


def test_the_structure_that_shows_most_is_taken_whichever_accession_has_it(root: Path) -> None:
    shown = (
        line("A1", "a.cif", "A", range(1, 6)) + line("A2", "b.cif", "C", range(1, 10)) + line("A2", "c.cif", "C", [4])
    )
    (row,) = asked(root, shown, "sites_in_structure_by_protein", types="Site", within=3)
    assert (row["accession"], row["source"], row["chain"], row["n_residues"]) == ("A1", "b.cif", "C", 9)
    assert (row["n_sites"], row["n_hits"], row["hits"]) == (2, 1, "C3 3.0")


def test_of_structures_that_show_alike_the_first_by_name_is_taken(root: Path) -> None:
    shown = line("A2", "b.cif", "A", range(1, 9)) + line("A1", "b.cif", "A", range(1, 9))
    (row,) = asked(
        root, [*shown, *line("A2", "a.cif", "Z", range(1, 9))], "sites_in_structure_by_protein", types="Site"
    )
    assert (row["source"], row["chain"]) == ("a.cif", "Z")


def test_residues_without_the_atom_are_not_seen(root: Path) -> None:
    shown = line("A1", "a.cif", "A", range(1, 11), beta=False) + line("A1", "b.cif", "A", range(1, 6))
    place(root, shown)
    with Atlas.open(root) as atlas:
        name = "sites_in_structure_by_protein"
        ((beta,), (alpha,)) = (atlas.ask(name, types="Site", atom=atom).to_pylist() for atom in ("cb", "ca"))
    assert (beta["source"], beta["n_residues"], beta["n_sites"], beta["n_sites_unseen"]) == ("b.cif", 5, 1, 1)
    assert (alpha["source"], alpha["n_residues"], alpha["n_sites"], alpha["n_sites_unseen"]) == ("a.cif", 10, 2, 0)


def test_a_coordinate_that_is_no_number_is_not_seen(root: Path) -> None:
    shown = line("A1", "a.cif", "A", range(1, 10))
    shown.append(Shown("A1", "a.cif", "A", 10, "W", (math.nan, 0, 0), (math.inf, 0, 0)))
    (row,) = asked(root, shown, "sites_in_structure_by_protein", types="Site")
    assert (row["n_residues"], row["n_hits"]) == (9, 2)


@pytest.mark.thorough
def test_a_feature_that_no_structure_shows_leaves_the_protein_out(root: Path) -> None:
    shown = line("A1", "a.cif", "A", range(1, 10))
    rows = asked(root, shown, types=["Tail", "Lipid", "Ends"], within=[8])
    by_type = {row["type"]: row for row in rows}
    for name in ("Tail", "Lipid"):  # residue 10 is not in the file; the other protein has no structure
        row = by_type[name]
        assert (row["n_proteins"], row["n_left_out"], row["n_sites"], row["n_labelled"]) == (0, 1, 0, 0)
        assert (row["precision"], row["recall"], row["enrichment"], row["log10_p"]) == (None,) * 4
        assert row["note"] == "fewer than 5 proteins"
    ends = by_type["Ends"]
    assert (ends["n_proteins"], ends["n_left_out"], ends["n_labelled"], ends["n_labelled_unseen"]) == (1, 0, 1, 1)


@pytest.mark.thorough
def test_a_protein_without_sites_in_its_structure(root: Path) -> None:
    shown = [*line("A1", "a.cif", "A", [4, 5]), Shown("N1", "a.cif", "B", 1, "M", (0, 0, 0), (0, 0, 0))]
    rows = {row["type"]: row for row in asked(root, shown, types=["Site", "Lipid"], within=[4])}
    assert (rows["Site"]["n_sites"], rows["Site"]["n_sites_unseen"], rows["Site"]["precision"]) == (0, 2, None)
    assert (rows["Lipid"]["n_proteins"], rows["Lipid"]["n_sites"], rows["Lipid"]["recall"]) == (1, 0, 0)


@pytest.mark.thorough
def test_a_feature_of_every_residue_is_near_everything(root: Path) -> None:
    rows = asked(root, line("A1", "a.cif", "A", range(1, 11)), types="Chain", within=[0, 4])
    assert [row["within"] for row in rows] == [0, 4]
    for row in rows:
        assert (row["precision"], row["background"], row["enrichment"], row["log10_p"]) == (1, 1, 1, None)
