"""How the page looks: axe finds nothing wrong with it, and screens of it are written to be looked at."""

import pytest
from helpers.browser import SCREENS, axe_violations
from helpers.drawn_protein import hostile_protein, protein_of, skipped_protein, small_protein

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 400, "height": 860}, "has_touch": True, "is_mobile": True}
LOOKS = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": PHONE,
    "phone-dark": {**PHONE, "color_scheme": "dark"},
    "quiet": {"reduced_motion": "reduce"},
}
PROTEINS = {
    "small": lambda: small_protein(structure=None, thinned=["Links below 0.2 were left out."]),
    "large": lambda: protein_of(700, n_layers=33, n_heads=20, sites=tuple(range(10, 400, 10))),
    "skipped": skipped_protein,
    "hostile": lambda: hostile_protein() | {"structure": None},
}


@pytest.mark.parametrize(
    ("protein", "look"),
    [
        *(("small", look) for look in LOOKS),
        *((name, look) for name in PROTEINS if name != "small" for look in ("light", "phone")),
    ],
)
def test_axe_finds_no_violation(open_data, protein, look):
    opened = open_data(PROTEINS[protein](), "#residue=24", **LOOKS[look])
    SCREENS.mkdir(parents=True, exist_ok=True)
    opened.page.screenshot(path=SCREENS / f"{protein}-{look}.png", full_page=True)
    assert axe_violations(opened.page) == []
    assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_drawings_keep_their_colours_where_the_system_has_its_own(open_data):
    opened = open_data(small_protein(), "#residue=24", forced_colors="active")
    opened.page.screenshot(path=SCREENS / "forced.png", full_page=True)
    colours = opened.page.evaluate("attlas.readColours()")
    assert len(set(colours.values())) > 6
    fills = opened.page.eval_on_selector_all(
        "#head-map [data-head]", "all => all.map((cell) => getComputedStyle(cell).fill)"
    )
    assert len(set(fills)) > 5
    letter = "getComputedStyle(document.querySelector('.block b.site')).outlineColor"
    assert opened.page.evaluate(letter) == colours["site"]
    assert axe_violations(opened.page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_structure_is_within_the_page_and_axe_finds_no_violation(open_data, scheme):
    opened = open_data(small_protein(), color_scheme=scheme)
    opened.page.screenshot(path=SCREENS / f"structure-{scheme}.png", full_page=True)
    assert axe_violations(opened.page) == []


def test_paper_is_white_even_of_a_dark_screen(open_data):
    a4 = {"width": 690, "height": 1000}  # between the margins, in CSS pixels
    opened = open_data(small_protein(structure=None), "#residue=24", color_scheme="dark", viewport=a4)
    page = opened.page
    page.emulate_media(media="print")
    opened.settle()
    page.screenshot(path=SCREENS / "print.png", full_page=True)
    corner = "[...document.querySelector('#track-canvases canvas').getContext('2d').getImageData(0, 0, 1, 1).data]"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate(corner) == [0, 0, 0, 0]
    ink = page.evaluate("attlas.readColours().ink")
    assert ink == "rgb(0, 0, 0)"
    page.pdf(path=SCREENS / "print.pdf", format="A4")
    assert page.is_hidden("#overview")
    assert page.is_hidden("button:text('PNG') >> nth=0")
