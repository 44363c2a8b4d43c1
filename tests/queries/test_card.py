"""The card: what stands in it and how its profile lines up."""

import pytest
from conftest import HOSTILE
from hypothesis import given
from hypothesis import strategies as st

from attlas.queries import Atlas
from attlas.queries.answers import answers
from attlas.queries.card import COLOURED, card, profile_lines, residues_per_column


def shown(atlas: Atlas, id: str, width: int = 80) -> str:
    return "\n\n".join(card(answer, atlas.manifest.run, width=width) for answer in answers(atlas, id))


def test_a_profile_reads_as_bars_ranks_and_ruler() -> None:
    bars, ranks, ruler = profile_lines([0.0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0], [(9, 1), (8, 2), (7, 12)], 40)
    assert bars == "▁▂▃▄▅▆▇██▁▁▁"
    assert ranks == "      +21"
    assert ruler == "1         12"


def test_a_column_of_several_residues_is_their_highest() -> None:
    bars, ranks, ruler = profile_lines([0.0, 0, 8, 0, 0, 4], [(3, 2), (4, 1)], 3)
    assert bars == "▁█▅"
    assert ranks == " 1"
    assert ruler == "1 6"


@given(n=st.integers(1, 40_000), width=st.integers(1, 200))
def test_a_profile_fits_its_width_and_ends_with_its_last_position(n: int, width: int) -> None:
    bars, ranks, ruler = profile_lines([1.0] * n, [(n, 1), (1, 2)], width)
    assert len(bars) == -(-n // residues_per_column(n, width)) <= width
    assert len(ranks) == len(bars)
    assert len(ruler) <= max(len(bars), len(str(n)))
    if len(bars) > 20:
        assert ruler.endswith(str(n))
        assert ruler.startswith("1 ")


@given(n=st.integers(30, 40_000), width=st.integers(30, 200))
def test_every_number_of_the_ruler_begins_at_the_column_of_its_residue(n: int, width: int) -> None:
    bin_size = residues_per_column(n, width)
    *numbers, _last = profile_lines([1.0] * n, [], width)[2].split()
    ruler = profile_lines([1.0] * n, [], width)[2]
    at = 0
    for number in numbers:
        at = ruler.index(number, at)
        assert at == (int(number) - 1) // bin_size
        at += len(number)


def test_a_card_names_protein_layer_and_sites(atlas: Atlas) -> None:
    text = shown(atlas, "P0DP23")
    layer = atlas.protein("P0DP23")["layer"][0].as_py()
    assert text.startswith("P0DP23  CALM1_HUMAN  Calmodulin-1\nHomo sapiens (taxon 9606) · gene CALM1 · 149 residues\n")
    assert f"layer of convergence {layer} (counted from 0; facebook/esm2_synthetic has 4 layers)" in text
    for site in atlas.sites("P0DP23").to_pylist():
        assert f"{site['rank']:>6}  {site['position']:>8}  {site['residue']}" in text


@pytest.mark.parametrize(
    ("id", "said"),
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
def test_each_kind_of_answer_has_its_own_words(atlas: Atlas, id: str, said: str) -> None:
    assert said in shown(atlas, id).replace("\n  ", "\n").splitlines()


@pytest.mark.parametrize("width", [30, 60, 80, 120, 300])
@pytest.mark.parametrize("id", ["P04637", "Q00001", HOSTILE.accession])
def test_profile_lines_keep_to_the_width(atlas: Atlas, id: str, width: int) -> None:
    lines = shown(atlas, id, width).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("attention received"))
    assert all(len(line) <= width for line in lines[start:])


def test_escape_codes_of_a_header_never_reach_the_terminal(atlas: Atlas) -> None:
    assert "\x1b" not in shown(atlas, HOSTILE.accession)
    assert r"\x1b[31mred" in shown(atlas, HOSTILE.accession)


def test_colour_changes_nothing_but_colour(atlas: Atlas) -> None:
    answer = answers(atlas, "P04637")[0]
    coloured = card(answer, atlas.manifest.run, width=80, style=COLOURED)
    for code in (COLOURED.bold, COLOURED.dim, COLOURED.mark, COLOURED.reset):
        assert code in coloured
        coloured = coloured.replace(code, "")
    assert coloured == card(answer, atlas.manifest.run, width=80)


def test_the_profile_of_an_answer_is_the_layer_of_convergence(atlas: Atlas) -> None:
    for id in ("P04637", "Q00001", "X00005"):
        layer = atlas.protein(id)["layer"][0].as_py()
        expected = [row[layer] for row in atlas.residues(id)["received"].to_pylist()]
        assert list(answers(atlas, id)[0].profile or ()) == pytest.approx(expected, rel=5e-4)
