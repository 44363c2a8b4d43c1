"""Known features in a card: marks in their columns, a list that meets the sites, and nothing where there are none."""

from pathlib import Path

import pytest
from helpers.annotated import measure, sequence_ids, substitute
from helpers.synthetic import SyntheticProtein, write_atlas
from helpers.table_files import add_rows

from attlas.queries import Atlas
from attlas.queries.answers.one_id import answer_id
from attlas.queries.answers.stored_rows import FeatureRow
from attlas.queries.cards.card import card
from attlas.queries.cards.features import MAX_FAMILIES, MAX_FEATURES, feature_marks, select_drawn_features

SEQUENCE = "ACDEFGHIKLMNPQRSTVWY" * 4
PROTEINS = [SyntheticProtein("P1", SEQUENCE), SyntheticProtein("P2", SEQUENCE), SyntheticProtein("P3", SEQUENCE[:-1])]


def feature(accession: str, kind: str, begin: int, end: int, description: str = "", source: str = "a.tsv") -> dict:
    names = ("accession", "type", "begin", "end", "description", "evidence", "source")
    return dict(zip(names, (accession, kind, begin, end, description, None, source), strict=True))


def annotated(root: Path, features: list[dict]) -> Path:
    """Write an atlas with a file of features per source."""
    write_atlas(root, PROTEINS)
    ids = sequence_ids(root)
    for source in sorted({row["source"] for row in features}):
        rows = [{**row, "sequence_id": ids[row["accession"]]} for row in features if row["source"] == source]
        add_rows(root, "features", rows, source)
    return root


def with_families(root: Path, rows: list[tuple[str, str, str, str | None]]) -> Path:
    """Write an atlas with families: accession, database, family, name."""
    write_atlas(root, PROTEINS)
    ids = sequence_ids(root)
    names = ("accession", "database", "family", "name")
    named = [dict(zip(names, row, strict=True)) for row in rows]
    add_rows(root, "families", [{**row, "sequence_id": ids[row["accession"]], "source": "a"} for row in named], "a")
    return root


def drawn(root: Path, accession: str, *, width: int = 120) -> list[str]:
    with Atlas.open(root) as atlas:
        (answer,) = answer_id(atlas, accession)
        return card(answer, atlas.manifest.run, width=width).splitlines()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    features = [
        feature("P1", "Active site", 3, 3, "Proton acceptor"),
        feature("P1", "Binding site", 2, 5, "ATP"),
        feature("P1", "Binding site", 2, 5, "Mg(2+)", source="b.xml"),
        feature("P1", "Binding site", 2, 5, "ATP", source="b.xml"),
        feature("P1", "Domain", 1, 80),
        feature("P2", "Modified residue", 80, 80, "Phosphotyrosine"),
    ]
    return annotated(tmp_path / "atlas", features)


def test_marks_stand_below_their_residues_and_the_first_type_wins(root: Path) -> None:
    lines = drawn(root, "P1")
    (track,) = (line for line in lines if line.split()[:1] == ["known"] and "BAB" in line)
    (profile,) = (line for line in lines if line.lstrip().startswith("layer") and "▁" in line)
    start = profile.index(profile.split()[2])
    assert track[start:] == " BABB"
    assert "known: A active site, B binding site" in lines


def test_the_list_says_each_place_once_with_all_that_is_reported_of_it(root: Path) -> None:
    lines = [line.split() for line in drawn(root, "P1")]
    assert ["Active", "site", "3", "D", "Proton", "acceptor"] in [[w for w in line if w not in RANKS] for line in lines]
    (binding,) = (line for line in lines if line[:2] == ["Binding", "site"])
    assert [word for word in binding if word not in RANKS] == ["Binding", "site", "2-5", "ATP,", "Mg(2+)"]
    assert "  ... and 1 feature of other types: `--json` lists all" in drawn(root, "P1")


RANKS = {"rank", "1", "2"}


def test_a_feature_on_a_site_says_the_rank_of_the_site(tmp_path: Path) -> None:
    write_atlas(tmp_path / "plain", PROTEINS)
    with Atlas.open(tmp_path / "plain") as atlas:
        sites = {row["position"]: row["rank"] for row in atlas.sites("P3").to_pylist()}
    position = next(position for position, rank in sites.items() if rank == 2)
    other = next(n for n in range(1, 80) if n not in sites)
    features = [feature("P3", "Site", position, position, "on"), feature("P3", "Site", other, other, "off")]
    lines = drawn(annotated(tmp_path / "atlas", features), "P3")
    (on,) = (line for line in lines if line.endswith("  on"))
    (off,) = (line for line in lines if line.endswith("  off"))
    assert ("rank 2" in on, "rank" in off) == (True, False)


def test_proteins_that_share_a_sequence_keep_their_own_features(root: Path) -> None:
    with Atlas.open(root) as atlas:
        (first_answer,), (second_answer,), (third_answer,) = (answer_id(atlas, name) for name in ("P1", "P2", "P3"))
    assert [row.type for row in second_answer.features or ()] == ["Modified residue"]
    assert len(first_answer.features or ()) == 5
    assert third_answer.features == ()
    assert not any(line.lstrip().startswith("known") for line in drawn(root, "P3"))


def test_an_atlas_that_is_not_annotated_says_null_and_draws_nothing(tmp_path: Path) -> None:
    write_atlas(tmp_path / "atlas", PROTEINS)
    with Atlas.open(tmp_path / "atlas") as atlas:
        (answer,) = answer_id(atlas, "P1")
        assert answer.to_json(atlas.manifest)["features"] is None
    assert not any(line.lstrip().startswith("known") for line in drawn(tmp_path / "atlas", "P1"))


def test_a_long_list_is_cut_and_counted(tmp_path: Path) -> None:
    features = [feature("P3", "Site", n, n) for n in range(1, MAX_FEATURES + 6)]
    lines = drawn(annotated(tmp_path / "atlas", features), "P3")
    assert "  ... and 5 more of these types: `--json` lists all" in lines


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_asked(root: Path, width: int) -> None:
    assert max(map(len, drawn(root, "P1", width=width))) <= width


@pytest.mark.parametrize("bin_size", [1, 3, 7])
def test_a_column_is_marked_if_one_of_its_residues_is(bin_size: int) -> None:
    places = [("Site", 4, 9), ("Active site", 8, 8), ("Helix", 1, 80)]
    features = select_drawn_features(
        [FeatureRow(*place, description=None, evidence=None, source="a.tsv") for place in places]
    )
    expected = ""
    for column in range(20):
        residues = set(range(column * bin_size + 1, (column + 1) * bin_size + 1))
        expected += "A" if 8 in residues else "S" if residues & set(range(4, 10)) else " "
    assert feature_marks(features, bin_size) == expected.rstrip()


def test_the_card_names_families_of_one_database_and_counts_the_others(tmp_path: Path) -> None:
    rows = [("P1", "InterPro", "IPR1", "Lip"), ("P1", "Pfam", "PF2", None), ("P1", "Pfam", "PF1", "Lipase")]
    root = with_families(tmp_path / "atlas", [*rows, ("P2", "mine", "kinases", "")])
    assert drawn(root, "P1")[2] == "families: Pfam PF1 Lipase, PF2; 1 more with `--json`"
    assert drawn(root, "P2")[2] == "families: mine kinases"
    assert not any(line.startswith("families") for line in drawn(root, "P3"))
    with Atlas.open(root) as atlas:
        (first_answer,), (third_answer,) = (answer_id(atlas, name) for name in ("P1", "P3"))
        assert [row["family"] for row in first_answer.to_json(atlas.manifest)["families"]] == ["IPR1", "PF1", "PF2"]
        assert third_answer.to_json(atlas.manifest)["families"] == []


def test_many_families_are_cut_and_counted(tmp_path: Path) -> None:
    rows = [("P1", "Pfam", f"PF{i:05d}", "a rather long name of a family") for i in range(40)]
    lines = drawn(with_families(tmp_path / "atlas", rows), "P1", width=60)
    text = " ".join(line for line in lines[2 : lines.index("")])
    assert max(map(len, lines)) <= 60
    assert (f"PF{MAX_FAMILIES - 1:05d}" in text, f"PF{MAX_FAMILIES:05d}" in text) == (True, False)
    assert f"; {40 - MAX_FAMILIES} more with `--json`" in text


def test_an_atlas_without_families_says_null(root: Path) -> None:
    with Atlas.open(root) as atlas:
        (answer,) = answer_id(atlas, "P1")
        assert answer.to_json(atlas.manifest)["families"] is None


def test_tracks_and_variants_are_named_in_one_line(tmp_path: Path) -> None:
    root = tmp_path / "atlas"
    write_atlas(root, PROTEINS)
    measure(root, {"P1": {1: 0.5, 80: 1.0}, "P2": {3: 2.0}}, name="plddt")
    measure(root, {"P1": {7: 0.25}}, name="con\x1bservation")
    substitute(root, {"P1": {"A1V": 0.5}}, name="am")
    line = "tracks: con\\x1bservation (1 residue), plddt (2 residues); variants: am (1 variant)"
    assert [text for text in drawn(root, "P1") if text.startswith("tracks")] == [line]
    assert [text for text in drawn(root, "P2") if text.startswith("tracks")] == ["tracks: plddt (1 residue)"]
    assert [text for text in drawn(root, "P3") if "tracks" in text] == []
