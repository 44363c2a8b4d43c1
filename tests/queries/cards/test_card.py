"""The card: what stands in it, in what words, and that nothing in a header harms a terminal."""

import re
from pathlib import Path

import pytest
from helpers.reading_case import HOSTILE, random_sequence
from helpers.synthetic import SyntheticProtein, write_atlas

from attlas.queries import Atlas
from attlas.queries.answers.one_id import answer_id
from attlas.queries.cards.card import Extent, card
from attlas.queries.cards.tracks import COLOURED


def shown(atlas: Atlas, id: str, width: int = 80, *, layers: tuple[int, ...] = (), sequence: Extent = "auto") -> str:
    answers = answer_id(atlas, id, layers=layers)
    return "\n\n".join(card(answer, atlas.manifest.run, width=width, sequence=sequence) for answer in answers)


@pytest.fixture(scope="module")
def long_ones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    proteins = [
        SyntheticProtein("LONG", random_sequence(34_350, 1), n_sites=12),
        SyntheticProtein("BARE", random_sequence(1_001, 2), n_sites=0),
        SyntheticProtein("FULL", random_sequence(1_000, 3), n_sites=1),
        SyntheticProtein("ONE", "M", n_sites=0),
        SyntheticProtein("TEN", random_sequence(10, 4), n_sites=1),
        SyntheticProtein(
            "E\x1b[31m", random_sequence(40, 5), "\x1b[2J", "g\x07", "\x9b31m", description="\x1b]0;t\x07"
        ),
        SyntheticProtein("BAD", "MK\x1b[31m*LV", status="skipped", reason="letter \x1b[31m"),
    ]
    root = tmp_path_factory.mktemp("cards") / "atlas"
    write_atlas(root, proteins, n_layers=12)
    return root


def test_a_card_names_protein_layer_and_sites(atlas: Atlas) -> None:
    text = shown(atlas, "P0DP23")
    layer = atlas.protein("P0DP23")["layer"][0].as_py()
    assert text.startswith("P0DP23  CALM1_HUMAN  Calmodulin-1\nHomo sapiens (taxon 9606) · gene CALM1 · 149 residues\n")
    assert f"layer of convergence {layer} (counted from 0; facebook/esm2_synthetic has 4 layers)" in text
    for site in atlas.sites("P0DP23").to_pylist():
        assert f"{site['rank']:>6}  {site['position']:>8}  {site['residue']}" in text


def test_a_card_marks_a_site_at_the_initiator_methionine_and_no_other(tmp_path: Path) -> None:
    proteins = [SyntheticProtein("START", "M" * 12, n_sites=11), SyntheticProtein("LATER", "A" + "M" * 11, n_sites=11)]
    write_atlas(tmp_path / "atlas", proteins, n_layers=2)
    with Atlas.open(tmp_path / "atlas") as atlas:
        start, later = shown(atlas, "START"), shown(atlas, "LATER")
        positions = atlas.sites("START")["position"].to_pylist()
    assert len(re.findall(r"^ +\d+ +1  M \(initiator\) ", start, re.MULTILINE)) == positions.count(1) == 1
    assert start.count("(initiator)") == start.count("initiator: methionine at position 1") == 1
    assert "initiator" not in later


@pytest.mark.parametrize(
    ("id", "sentence"),
    [
        ("Q00001", "computed, no high-attention sites: none above the elbow (rule nayar-2025-05)"),
        ("Q00002", "computed, no high-attention sites: too short (rule nayar-2025-05)"),
        ("Q00003", "not computed, skipped: inner `*`"),
        ("Q00004", "not computed, failed: out of memory"),
        ("Q00005", "45 high-attention sites (rule nayar-2025-05; flagged: 40 or more)"),
        ("Q00005", "... and 5 more: `--json` lists all"),
        ("P53_HUMAN", "asked as P53_HUMAN"),
    ],
)
def test_each_kind_of_answer_has_its_own_words(atlas: Atlas, id: str, sentence: str) -> None:
    assert sentence in shown(atlas, id).replace("\n  ", "\n").splitlines()


@pytest.mark.parametrize("width", [30, 60, 80, 120, 300])
@pytest.mark.parametrize("id", ["P04637", "Q00001", "Q00003", HOSTILE.accession])
@pytest.mark.parametrize("layers", [(), (2,), (0, 1, 2, 3)])
def test_every_line_but_those_of_the_sites_keeps_to_the_width(
    atlas: Atlas, id: str, width: int, layers: tuple[int, ...]
) -> None:
    lines = shown(atlas, id, width, layers=layers, sequence="whole").splitlines()
    of_sites = re.compile(r"  +(rank  position .*|─.*|\d+ +\d+  [A-Z] .*)")
    assert [line for line in lines if len(line) > min(width, 120) and not of_sites.fullmatch(line)] == []


def test_escape_codes_of_a_header_never_reach_the_terminal(atlas: Atlas) -> None:
    assert "\x1b" not in shown(atlas, HOSTILE.accession)
    assert r"\x1b[31mred" in shown(atlas, HOSTILE.accession)


def test_colour_changes_nothing_but_colour(atlas: Atlas) -> None:
    answer = answer_id(atlas, "P04637", layers=(0, 3))[0]
    coloured = card(answer, atlas.manifest.run, width=80, style=COLOURED)
    for code in (COLOURED.bold, COLOURED.dim, COLOURED.mark, COLOURED.reset):
        assert code in coloured
        coloured = coloured.replace(code, "")
    assert coloured == card(answer, atlas.manifest.run, width=80)


def test_the_sequence_of_a_card_is_the_sequence_with_its_sites_in_upper_case(atlas: Atlas) -> None:
    lines = shown(atlas, "P04637").split("sequence, sites in upper case with their ranks below\n")[1].splitlines()
    numbered = [line for line in lines if line.split()[0].isdigit() and len(line.split()) > 1 and len(line) > 20]
    letters = "".join("".join(line.split()[1:]) for line in numbered)
    assert letters.upper() == atlas.protein("P04637")["sequence"][0].as_py()
    sites = sorted(atlas.sites("P04637")["position"].to_pylist())
    assert [i for i, letter in enumerate(letters, start=1) if letter.isupper()] == sites
    assert [int(line.split()[0]) for line in numbered] == list(range(1, 393, 60))


@pytest.mark.parametrize(
    ("id", "extent", "is_there"),
    [("Q00001", "auto", True), ("Q00003", "auto", False), ("Q00003", "whole", True), ("P04637", "none", False)],
)
def test_a_sequence_is_shown_as_it_was_asked_for(atlas: Atlas, id: str, extent: Extent, is_there: bool) -> None:
    assert ("\nsequence" in shown(atlas, id, sequence=extent)) is is_there


def test_of_a_long_protein_only_the_lines_with_sites_are_shown(long_ones: Path) -> None:
    with Atlas.open(long_ones) as atlas:
        text, whole = shown(atlas, "LONG"), shown(atlas, "LONG", sequence="whole")
        sites = atlas.sites("LONG").to_pylist()
    assert len(text.splitlines()) < 90
    assert len(whole.splitlines()) > 34_350 / 60
    assert "`--sequence whole` shows all" in " ".join(text.split())
    for site in sites:
        start = (site["position"] - 1) // 60 * 60 + 1
        assert f"\n  {start:>5} " in text
    left_out = sum(int(line.split()[1].replace(",", "")) for line in text.splitlines() if " residues …" in line)
    n_lines = sum(line[2:7].strip().isdigit() and len(line) > 40 for line in text.split("sequence, ")[1].splitlines())
    assert left_out + n_lines * 60 - (60 - 34_350 % 60) * ("34321" in text) == 34_350


def test_a_long_protein_without_a_site_is_not_shown_and_a_thousand_residues_are(long_ones: Path) -> None:
    with Atlas.open(long_ones) as atlas:
        assert "sequence: 1,001 residues without a site; `--sequence whole` shows it" in shown(atlas, "BARE")
        assert "\n   961 " in shown(atlas, "FULL")


def test_the_singular_is_used_for_one(long_ones: Path) -> None:
    with Atlas.open(long_ones) as atlas:
        assert "\n1 high-attention site (rule" in shown(atlas, "FULL")
        assert "\n1 residue\n" in shown(atlas, "ONE")


def test_a_protein_of_one_residue_has_a_card_with_every_layer(long_ones: Path) -> None:
    with Atlas.open(long_ones) as atlas:
        text = shown(atlas, "ONE", layers=tuple(range(12)))
    assert text.count("layer ") > 12
    assert text.endswith("sequence\n  1 m")


def test_hostile_headers_reasons_and_letters_stay_off_the_terminal(long_ones: Path) -> None:
    with Atlas.open(long_ones) as atlas:
        for id in ("E\x1b[31m", "BAD"):
            text = shown(atlas, id, sequence="whole")
            assert all(line.isprintable() for line in text.splitlines())
        assert r"not computed, skipped: letter \x1b[31m" in shown(atlas, "BAD")
        assert answer_id(atlas, "BAD")[0].reason == "letter \x1b[31m"  # as it is, for who does not print it


def test_chosen_layers_stand_below_each_other_with_their_peaks(atlas: Atlas) -> None:
    lines = shown(atlas, "P04637", layers=(3, 0)).splitlines()
    called_in = atlas.protein("P04637")["layer"][0].as_py()
    received = atlas.residues("P04637")["received"].to_pylist()
    rows = [line for line in lines if line.startswith("  layer ")]
    for line, layer in zip(rows, (3, 0), strict=True):
        star = "*" if layer == called_in else " "
        assert line.startswith(f"  layer {layer}{star} {max(row[layer] for row in received):.3g}")
    assert ("* layer of convergence" in " ".join(lines)) is (called_in in (3, 0))


@pytest.mark.parametrize("n_shown", [1, 2])
def test_ranks_below_layers_without_that_of_convergence_say_where_they_are_from(atlas: Atlas, n_shown: int) -> None:
    called_in = atlas.protein("P04637")["layer"][0].as_py()
    others = tuple(layer for layer in range(atlas.n_layers) if layer != called_in)[:n_shown]
    sentence = f"ranks are those of layer {called_in}"
    assert sentence in " ".join(shown(atlas, "P04637", layers=others).split())
    assert sentence not in " ".join(shown(atlas, "P04637", layers=(*others, called_in)).split())
    assert sentence not in " ".join(shown(atlas, "P04637").split())
