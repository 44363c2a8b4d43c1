"""The page of a protein in a real browser, opened from the file system: what it says, and that everything is linked."""

import math
import re
import struct
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from helpers.browser import Opened, axe_violations, open_page, track_point
from helpers.drawn_protein import (
    HUB,
    hostile_protein,
    links_of,
    protein_of,
    protein_without_sites,
    skipped_protein,
    small_protein,
)
from playwright.sync_api import expect

from attlas.queries.page.html import page_html, page_opening
from attlas.queries.page.structure_text import Atom, write_structure

pytestmark = pytest.mark.browser


def test_a_page_from_the_file_system_asks_for_nothing_and_complains_of_nothing(open_data):
    opened = open_data(small_protein())
    opened.page.mouse.move(*track_point(opened.page, 10))
    opened.settle()
    assert opened.requests == []
    assert opened.complaints == []


def test_the_answer_is_reported_before_anything_is_touched(opened):
    answer = "3 high-attention sites: "
    assert opened.page.inner_text("#answer").startswith(answer)
    assert "in layer 2, where attention converges (layers 0 to 3)" in opened.page.inner_text("#answer")
    links = opened.page.eval_on_selector_all("#identity a", "all => all.map((a) => [a.textContent, a.href, a.rel])")
    assert links == [
        ["UniProt", "https://www.uniprot.org/uniprotkb/P07550/entry", "noopener noreferrer"],
        ["AlphaFold DB", "https://alphafold.ebi.ac.uk/entry/P07550", "noopener noreferrer"],
    ]


def test_it_opens_in_the_layer_of_convergence_with_the_head_whose_links_touch_the_sites_most(opened):
    assert opened.page.input_value("#layer") == "2"
    assert opened.page.input_value("#head") == "2-1"
    assert opened.fragment == ""


def test_without_sites_it_says_why(open_data):
    text = open_data(protein_without_sites()).page.inner_text("#answer")
    assert text == "No high-attention site: too few residues to fit."


def test_a_protein_that_was_not_computed_says_why_and_shows_its_letters(open_data):
    opened = open_data(skipped_protein())
    assert opened.page.inner_text("#answer") == "Not computed: longer than 50 residues."
    assert opened.page.locator(".block").count() == 8
    assert not opened.page.is_visible("#heads")
    assert opened.complaints == []


def test_a_residue_pointed_at_in_the_tracks_lights_up_in_letters_and_line(opened):
    opened.page.mouse.move(*track_point(opened.page, HUB))
    opened.settle()
    assert opened.line.startswith("I24 receives 32.00 in layer 2, 1 of 60 · site of rank 1")
    assert "active site 26 is 2 away" in opened.line
    assert "head 2-1: 20 links in, 0 out" in opened.line
    assert letter_under_mark(opened) == HUB
    assert is_drawn_over_tracks(opened)

    opened.page.mouse.move(2, 2)
    opened.settle()
    assert opened.page.is_hidden(".mark")
    assert not is_drawn_over_tracks(opened)


def test_a_site_receives_the_same_in_the_line_beside_the_tracks_and_in_the_table(open_data, plain):
    # The profiles of a page are of half the precision of its tables.
    site, *other_sites = plain["sites"]
    opened = open_data(plain | {"sites": [site | {"received": 31.97}, *other_sites]}, f"#residue={site['position']}")
    assert "receives 31.97 in layer 2, 1 of 60" in opened.line
    assert opened.page.evaluate("attlas.largestReceived(attlas.shown.data, 2)") == 31.97
    assert opened.page.evaluate("attlas.largestReceived(attlas.shown.data, 1)") != 31.97
    assert "31.97" in opened.page.inner_text("#sites-table tbody")


def test_a_letter_pointed_at_is_told_in_the_line(opened):
    page = opened.page
    page.locator(".block").nth(3).scroll_into_view_if_needed()
    box = page.locator(".block").nth(3).bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.65, box["y"] + box["height"] * 0.7)
    opened.settle()
    assert opened.line.startswith(f"{small_protein()['protein']['sequence'][36]}37 ")


def test_a_residue_of_a_table_points_and_a_click_holds_it(opened):
    page = opened.page
    button = page.locator("#links-table button.residue").first
    button.hover()
    opened.settle()
    assert opened.line.startswith("L30 ")
    button.click()
    page.mouse.move(2, 2)
    assert opened.fragment == "residue=30"
    assert opened.line.startswith("L30 ")
    page.keyboard.press("Escape")
    assert opened.fragment == ""


def test_pointing_moves_nothing(opened):
    boxes = """() => [...document.querySelectorAll(".view, canvas, h2, p.caption")]
        .map((element) => element.getBoundingClientRect().toJSON())"""
    opened.page.evaluate("scrollTo(0, 0)")
    before = opened.page.evaluate(boxes)
    for position in (1, HUB, 45, 60):
        x, y = track_point(opened.page, position)
        opened.page.evaluate("scrollTo(0, 0)")
        opened.page.mouse.move(x, y)
        opened.settle()
        assert opened.page.evaluate(boxes) == before


def test_pointing_draws_the_overlay_alone(open_data):
    opened = open_data(protein_of(34_350, n_layers=33, n_heads=20, sites=tuple(range(500, 30_500, 500))))
    page = opened.page
    page.evaluate(
        """() => {
            const draw = attlas.drawTracks;
            attlas.nDrawn = 0;
            attlas.drawTracks = (...all) => { attlas.nDrawn++; draw(...all); };
        }"""
    )
    for position in (100, 5_000, 30_000):
        page.mouse.move(*track_point(page, position))
        opened.settle()
    assert page.evaluate("attlas.nDrawn") == 0
    assert "in layer 16" in opened.line
    assert page.evaluate("Math.max(...[...document.querySelectorAll('canvas')].map((canvas) => canvas.width))") <= 1280
    assert page.locator(".block").count() <= 1_000


def test_keys_walk_hold_and_free_a_residue(opened):
    page = opened.page
    page.focus("#track-canvases")
    page.keyboard.press("ArrowRight")  # begins at the site of rank 1
    opened.settle()
    assert opened.line.startswith("I24 ")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    assert opened.fragment == "residue=35"
    assert page.get_attribute("#track-canvases", "aria-valuenow") == "35"
    assert "receives" in page.get_attribute("#track-canvases", "aria-valuetext")
    page.keyboard.press("Escape")
    assert opened.fragment == ""
    page.keyboard.press("End")
    opened.settle()
    assert page.get_attribute("#track-canvases", "aria-valuenow") == "60"


def test_a_drag_keys_wheel_and_buttons_zoom(opened):
    page = opened.page
    drag(opened, track_point(page, 20), track_point(page, 39))
    assert opened.fragment == "range=20-39"
    assert page.inner_text("#letters-range") == "20 to 39 of 60"

    page.mouse.move(2, 2)  # keys zoom around the residue pointed at, or else around the middle
    page.focus("#track-canvases")
    page.keyboard.press("+")
    assert opened.fragment == "range=25-34"
    page.keyboard.press("-")
    assert opened.fragment == "range=20-39"
    page.keyboard.press("0")
    assert opened.fragment == ""

    page.mouse.move(*track_point(page, 30))
    page.keyboard.down("Control")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Control")
    begin, end = map(int, opened.fragment.removeprefix("range=").split("-"))
    assert begin < 30 < end
    assert end - begin < 45
    page.click("#zoom-buttons button:text-is('All')")
    assert opened.fragment == ""
    page.mouse.wheel(0, 200)
    assert opened.fragment == ""  # a wheel alone scrolls


def test_handles_of_the_overview_move_the_range(opened):
    page = opened.page
    box = page.locator("#overview canvas").bounding_box()
    right = (box["x"] + box["width"] - 12, box["y"] + box["height"] / 2)
    drag(opened, right, (right[0] - 300, right[1]))
    begin, end = map(int, opened.fragment.removeprefix("range=").split("-"))
    assert begin == 1
    assert 30 < end < 45

    drag(opened, (right[0] - 350, right[1]), (right[0] - 250, right[1]))  # the window itself
    moved_begin, moved_end = map(int, opened.fragment.removeprefix("range=").split("-"))
    assert moved_begin > begin
    assert moved_end - moved_begin == end - begin


def test_a_click_on_the_strip_chooses_the_layer(opened):
    page = opened.page
    x, y = track_point(page, 5, row="layers")
    page.mouse.click(x, y - 18)
    page.mouse.click(*track_point(page, 5))  # frees the residue held by the first click
    assert opened.fragment == "layer=0"
    assert page.input_value("#layer") == "0"
    page.select_option("#layer", "3")
    assert opened.fragment == "layer=3"


def test_a_head_is_chosen_by_click_key_and_name(opened):
    page = opened.page
    page.click('[data-head="3"]')
    assert opened.fragment == "head=0-3"
    assert page.inner_text("#links-table-title") == "Links of head 0-3"
    assert page.locator("#links-table tbody tr").count() == 25
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert "Head 1-4" in page.inner_text("#head-caption")
    page.keyboard.press("Enter")
    assert opened.fragment == "head=1-4"
    assert page.get_attribute('[data-head="9"]', "aria-selected") == "true"

    page.fill("#head", "2-1")
    page.keyboard.press("Enter")
    assert opened.fragment == ""
    page.fill("#head", "9-9")
    page.keyboard.press("Tab")
    assert page.get_attribute("#head", "aria-invalid") == "true"
    assert "layers 0 to 3, heads 0 to 4" in page.inner_text("#head-problem")
    assert opened.fragment == ""
    page.fill("#head", "2-1")
    page.keyboard.press("Tab")
    assert page.get_attribute("#head", "aria-invalid") == "false"
    assert page.inner_text("#head-problem") == ""


def test_a_head_is_typed_over_the_one_that_stands_in_the_field(opened):
    opened.page.click("#head")
    opened.page.keyboard.type("0-3")
    opened.page.keyboard.press("Enter")
    assert opened.page.input_value("#head") == "0-3"
    assert opened.fragment == "head=0-3"


@pytest.mark.parametrize("name", ["0,3", "0\u20133", "L0H3", "head 0-3", "layer 0, head 3", " 0/3 "])
def test_a_head_has_the_names_that_people_write(opened, name):
    opened.page.fill("#head", name)
    opened.page.keyboard.press("Enter")
    assert opened.fragment == "head=0-3"
    assert opened.page.input_value("#head") == "0-3"


@pytest.mark.parametrize("name", ["", "3", "0-", "0-3-1", "2-10-3", "none"])
def test_what_names_no_head_or_several_changes_nothing(opened, name):
    opened.page.fill("#head", name)
    opened.page.keyboard.press("Enter")
    assert opened.page.get_attribute("#head", "aria-invalid") == "true"
    assert opened.fragment == ""


def test_the_links_of_a_head_are_told_in_a_sentence_and_listed_at_a_press(open_data, plain):
    letters = plain["protein"]["sequence"]
    name = {position: f"{letters[position - 1]}{position}" for position in (5, 9, 20, 30, 41)}
    edges = [(0, 3, 5, 20, 0.9), (0, 3, 9, 20, 0.8), (0, 3, 20, 9, 0.7), (0, 3, 41, 30, 0.2)]
    plain["links"] = links_of(edges)
    plain["heads"]["statistics"]["n_edges"][3] = 5
    page = open_data(plain, "#head=0-3").page

    note = page.inner_text("#links-section .caption")
    pair = f"{name[9]} and {name[20]}"
    assert note.startswith(
        f"4 links among 5 residues. Attended to most: {name[20]} by 2. Each attends to the other: {pair}."
    )
    assert "3 of 5 edges of 0.3 or more shown, and 1 weaker link." in note
    assert "attention to itself counts as an edge, and is no link" in note

    page.click("text=List its links")
    assert page.evaluate("document.activeElement.closest('#links-section') !== null")
    top = page.evaluate("document.getElementById('links-section').getBoundingClientRect().top")
    assert 0 <= top < 500


def test_links_of_which_none_is_left_out_need_no_explanation(open_data, plain):
    plain["links"] = links_of([(0, 3, 5, 20, 0.9)])
    plain["heads"]["statistics"]["n_edges"][3] = 1
    page = open_data(plain, "#head=0-3").page
    assert page.inner_text("#links-section .caption").endswith("1 of 1 edge of 0.3 or more shown.")


def test_a_table_is_saved_as_it_is_sorted(opened, plain):
    page = opened.page
    page.click("#links-table th button:text('from')")
    with opened.page.expect_download() as saved:
        page.click("#links-section button:text('TSV')")
    assert saved.value.suggested_filename == "P07550-links-2-1.tsv"
    header, *rows = saved.value.path().read_text(encoding="utf-8").splitlines()
    letters = plain["protein"]["sequence"]
    assert header.split("\t")[:4] == ["from", "to", "weight", "apart"]
    assert len(rows) == 20
    cells = rows[0].split("\t")
    assert cells[:2] == [f"{letters[29]}30", f"{letters[HUB - 1]}{HUB}"]
    assert float(cells[2]) == pytest.approx(0.6)
    assert opened.complaints == []


def test_it_says_how_many_edges_are_shown_of_how_many(opened, plain):
    n_edges = plain["heads"]["statistics"]["n_edges"][2 * 5 + 1]
    assert f"20 of {n_edges} edges of 0.3 or more shown" in opened.page.inner_text("#head-caption")


def test_the_map_shows_the_extent_of_a_statistic_and_the_links_of_the_residue_pointed_at(opened, plain):
    page = opened.page
    page.select_option("#statistic", "entropy")
    values = plain["heads"]["statistics"]["entropy"]
    largest = max(range(20), key=values.__getitem__)
    assert opened.fragment == "statistic=entropy"
    assert f"(head {largest // 5}-{largest % 5}), blue" in page.inner_text("#heads-caption")

    page.select_option("#statistic", "links_here")
    page.mouse.move(*track_point(page, 31))
    opened.settle()
    # Residue 31 has a link to the hub in head 2-1 (0.59), and two to its neighbours in head 0-3 (0.40).
    assert page.inner_text("#heads-caption") == "Links at F31: in 2 heads, the largest 0.59 in head 2-1."
    assert page.get_attribute('[data-head="3"]', "aria-label") == "head 0-3: 0.40"


def test_a_statistic_says_what_it_is_where_the_data_do(open_data, plain):
    plain["model"]["statistics"] = {name: f"What {name} is." for name in plain["heads"]["statistics"]}
    page = open_data(plain).page
    page.select_option("#statistic", "entropy")
    expect(page.locator("#statistic-caption")).to_have_text("Colour: What entropy is.")
    assert page.locator("#heads-table tbody tr").first.locator("td").last.inner_text() == "What entropy is."
    page.select_option("#statistic", "links_kept")
    expect(page.locator("#statistic-caption")).to_have_text("")


def test_a_fragment_is_restored_and_followed(open_data, plain):
    opened = open_data(plain, "#layer=1&head=0-3&residue=12&range=5-40&statistic=entropy")
    page = opened.page
    assert [page.input_value(field) for field in ("#layer", "#head", "#statistic")] == ["1", "0-3", "entropy"]
    assert page.inner_text("#letters-range") == "5 to 40 of 60"
    assert opened.line.split()[0].endswith("12")

    page.evaluate("location.hash = '#head=3-4&residue=7'")
    opened.settle()
    assert page.input_value("#head") == "3-4"
    assert page.input_value("#layer") == "2"
    assert opened.line.split()[0].endswith("7")


@pytest.mark.parametrize(
    "fragment", ["#layer=99&head=7-7&residue=0&range=50-5&statistic=__proto__", "#%E0%A4%A", "#range=1-1e9&residue=-3"]
)
def test_a_fragment_that_does_not_fit_is_passed_over(open_data, plain, fragment):
    opened = open_data(plain, fragment)
    assert opened.page.input_value("#head") == "2-1"
    assert opened.page.inner_text("#letters-range") == "60 residues"
    assert opened.complaints == []


def test_names_and_annotations_are_text_wherever_they_stand(open_data):
    opened = open_data(hostile_protein())
    page = opened.page
    page.mouse.move(*track_point(page, 26))
    opened.settle()
    assert opened.complaints == []
    assert opened.requests == []
    assert page.locator("img, b:not(.site, .annotated, #pointed b)").count() == 0
    assert "<img src=x onerror=alert(1)>" in page.inner_text("#name")
    assert "onerror" in opened.line
    assert page.locator("#identity a").count() == 0  # what is no accession of UniProt's is not linked
    command = page.inner_text("#sites-section code")
    assert command.endswith(
        """WHERE accession = '</script><img src=x onerror=alert(1)>\\"''&amp;<b>' ORDER BY rank\""""
    )


def test_the_header_is_shown_before_the_data_come_and_says_when_they_do_not(browser, tmp_path, plain):
    path = tmp_path / "opening.html"
    path.write_text(page_opening(plain, may_have_structure=False), encoding="utf-8")
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(path.as_uri())
        assert page.inner_text("#answer").startswith("3 high-attention sites: ")
        assert "SMALL_TEST" in page.inner_text("#name")
        assert page.is_hidden("#views")
        assert page.inner_text("#notes") == "The rest of this page has not arrived. Load it again."


def test_the_command_lines_name_the_atlas_of_a_server(browser, tmp_path, plain):
    path = tmp_path / "placed.html"
    place = '<meta name="attlas-place" content="/data/my atlas">'
    path.write_text(page_html(plain).replace("</head>", f"{place}</head>", 1), encoding="utf-8")
    with browser.new_context() as context:
        opened = open_page(context, path.as_uri())
        assert opened.page.inner_text("#sites-section code").startswith('attlas sql "/data/my atlas" "SELECT ')


def test_every_view_is_saved_as_png_and_svg(open_data):
    opened = open_data(small_protein(), "#residue=24")
    for section in ("tracks", "heads", "letters", "structure"):
        with opened.page.expect_download() as png:
            opened.page.click(f"#{section}-buttons button:text('PNG')")
        content = png.value.path().read_bytes()
        assert content[:8] == b"\x89PNG\r\n\x1a\n"
        assert struct.unpack(">II", content[16:24])[0] > 600
        with opened.page.expect_download() as svg:
            opened.page.click(f"#{section}-buttons button:text('SVG')")
        assert svg.value.suggested_filename.startswith("P07550-")
        root = ET.fromstring(svg.value.path().read_text(encoding="utf-8"))
        assert len(list(root.iter())) > 2
        addresses = [value for node in root.iter() for key, value in node.attrib.items() if key.endswith("href")]
        assert all(address.startswith("data:image/png") for address in addresses)
    assert opened.complaints == []


def saved_text(opened, section):
    """Return the text of the SVG that a view is saved as."""
    with opened.page.expect_download() as svg:
        opened.page.click(f"#{section}-buttons button:text('SVG')")
    root = ET.fromstring(svg.value.path().read_text(encoding="utf-8"))
    return " ".join("".join(node.itertext()) for node in root.iter() if node.tag.endswith("text"))


@pytest.mark.parametrize("section", ["tracks", "heads", "letters", "structure"])
def test_a_saved_picture_says_whose_it_is_and_where_it_is_from(open_data, section):
    text = saved_text(open_data(small_protein()), section)
    for words in ("SMALL_TEST", "P07550", "rule nayar-2025-05", "atlas 000000000000"):
        assert words in text


def test_a_saved_picture_of_links_says_how_many_of_how_many(open_data):
    opened = open_data(small_protein())
    told = opened.page.evaluate("attlas.describeLinks(attlas.shown.data, attlas.shown.state.head)")
    assert told.startswith("20 of ")
    assert f"Links of head 2-1: {told}" in saved_text(opened, "tracks")
    assert opened.page.inner_text("#structure-legend") in saved_text(opened, "structure")


def test_the_structure_says_how_many_of_the_links_it_draws(open_data):
    # Residues 1 and 2 have no coordinates: two of the 39 links of head 0-3 touch them.
    opened = open_data(small_protein(), "#head=0-3")
    edges = opened.page.evaluate("attlas.shown.data.heads.statistics.n_edges[3]")
    assert (
        f"pink rods: 37 of 39 kept links of head 0-3 (the others touch residues without coordinates); "
        f"the head has {edges} edges"
    ) in opened.page.inner_text("#structure-legend")
    assert opened.page.evaluate(COUNT_RODS) == 37

    opened.page.evaluate("attlas.shown.state.set({ head: 11 })")
    opened.settle()
    assert f"pink rods: 20 of 20 kept links of head 2-1; the head has {edges_of(opened, 11)} edges" in (
        opened.page.inner_text("#structure-legend")
    )


COUNT_RODS = """() => {
    const { viewer } = attlas.structureView;
    const addCylinder = viewer.addCylinder.bind(viewer);
    let n = 0;
    viewer.addCylinder = (rod) => (n++, addCylinder(rod));
    attlas.structureView.redraw();
    return n;
}"""


def edges_of(opened, head):
    return opened.page.evaluate(f"attlas.shown.data.heads.statistics.n_edges[{head}]")


def test_keys_turn_the_structure_and_bring_it_nearer(open_data):
    opened = open_data(small_protein())
    view = "attlas.structureView.viewer.getView().map((value) => Math.round(value * 1000))"
    views = [opened.page.evaluate(view)]
    opened.page.focus("#structure-canvas")
    for key in ("ArrowLeft", "ArrowUp", "+"):
        opened.page.keyboard.press(key)
        views.append(opened.page.evaluate(view))
    assert [before != after for before, after in pairwise(views)] == [True, True, True]

    for key in ("-", "ArrowDown", "ArrowRight"):
        opened.page.keyboard.press(key)
    last = opened.page.evaluate(view)
    assert last == pytest.approx(views[0], abs=3)
    assert axe_violations(opened.page) == []


def test_short_sites_are_marked_letter_by_letter_and_long_features_are_not(open_data, plain):
    features = [
        {"type": "Binding site", "begin": 26, "end": 29, "description": "ATP", "source": "hand"},
        {"type": "Domain", "begin": 30, "end": 36, "description": "", "source": "hand"},
        {"type": "Motif", "begin": 37, "end": 60, "description": "too long", "source": "hand"},
    ]
    page = open_data(plain | {"features": [{**plain["features"][0], **feature} for feature in features]}).page
    positions = page.eval_on_selector_all(
        ".block b.annotated",
        """all => all.map((letter) => {
            const block = letter.closest(".block");
            const before = document.createRange();
            before.setStart(block, 0);
            before.setEndBefore(letter);
            return Number(block.dataset.from) + before.toString().length;
        })""",
    )
    assert positions == [26, 27, 28, 29]


def test_labels_beside_the_rows_do_not_overlap(open_data, plain):
    names = ["Active site", "Nucleotide phosphate-binding region", "Topological domain of the cell"]
    features = [plain["features"][0] | {"type": name, "begin": 5, "end": 20} for name in names]
    tracks = [plain["tracks"][0] | {"unit": "angstrom by electron microscopy"}]
    opened = open_data(plain | {"features": features, "tracks": tracks})
    heights = opened.page.evaluate(
        """() => {
            const { data, state } = attlas.shown;
            const frame = attlas.layoutTracks(data, state, 900, true);
            const pen = new attlas.SvgPen(900, 900);
            attlas.drawTracks(pen, frame, data, state, attlas.readColours());
            const labels = [...pen.svg.children].filter((element) => element.getAttribute("text-anchor") === "end");
            return labels.map((label) => Number(label.getAttribute("y")));
        }"""
    )
    assert len(heights) > 8
    assert all(below - above >= 12 for above, below in pairwise(sorted(heights)))


def test_variants_on_both_sides_of_zero_rise_and_fall_from_it(open_data, plain):
    values = {24: 4.0, 30: -4.0, 36: 0.5}
    variants = [plain["variants"][0] | {"position": position, "value": value} for position, value in values.items()]
    opened = open_data(plain | {"variants": variants})
    heights = opened.page.evaluate(
        """() => {
            const { data, state } = attlas.shown;
            const frame = attlas.layoutTracks(data, state, 900, true);
            const row = frame.rows.find((other) => other.name === "variants");
            const pen = new attlas.SvgPen(900, 900);
            attlas.rowDrawings.variants(pen, frame, row, data, state, attlas.readColours());
            const lines = [...pen.svg.querySelectorAll("polyline")].slice(1);
            const heightsOf = (line) =>
                line.getAttribute("points").split(" ").map((point) => Number(point.split(",")[1]));
            return lines.map(heightsOf).map(([from, to]) => from - to);
        }"""
    )
    up, down, little = heights
    assert up > 0 > down
    assert up == pytest.approx(-down, abs=0.2)
    assert little == pytest.approx(up / 8, abs=0.2)


def test_a_name_that_turns_the_direction_of_writing_leaves_the_accession_as_it_is(open_data, plain):
    protein = plain["protein"] | {"description": "\u202eeman live"}
    page = open_data(plain | {"protein": protein}).page
    order = page.evaluate(
        """() => {
            const small = document.querySelector("#name small");
            const texts = [...small.querySelectorAll("bdi")];
            return texts.map((text) => text.getBoundingClientRect().left);
        }"""
    )
    name = page.evaluate("document.querySelector('#name bdi').getBoundingClientRect().right")
    assert name < order[0] < order[1]


def test_an_isoform_has_no_link_to_the_model_of_another_sequence(open_data, plain):
    page = open_data(plain | {"protein": plain["protein"] | {"accession": "P07550-2"}}).page
    assert page.eval_on_selector_all("#identity a", "all => all.map((a) => a.textContent)") == ["UniProt"]


def test_a_residue_of_the_structure_points_everywhere(open_data):
    opened = open_data(small_protein())
    page = opened.page
    assert "58 of 60 residues" in page.inner_text("#structure-caption")
    point_at_atom(opened, {"resi": 150}, position=50)
    assert letter_under_mark(opened) == 50
    assert is_drawn_over_tracks(opened)

    page.mouse.move(*track_point(page, 2))
    opened.settle()
    assert "not in the structure" in opened.line


def test_insertion_codes_and_long_chain_names_of_mmcif_are_told_apart(open_data):
    data = small_protein()
    numbers = [(100 + position // 2, "B" if position % 2 else "") for position in range(3, 61)]
    atoms = [
        Atom(True, "C", "CA", "GLY", "LONG", number, insertion, (3.8 * k, 0.0, 0.0))
        for k, (number, insertion) in enumerate(numbers)
    ]
    written = write_structure(atoms)
    chain = {"chain": "LONG", "positions": list(range(3, 61)), "residues": [f"{n}{code}" for n, code in numbers]}
    data["structure"] |= {"format": written.format, "text": written.text, "chains": [chain]}
    opened = open_data(data)
    assert written.format == "mmcif"
    for position in (30, 31):
        point_at_atom(opened, {"serial": position - 3}, position=position)  # 3Dmol numbers the atoms of mmCIF from 0


def test_without_webgl_the_structure_says_so_and_all_else_stands(open_data, browser_without_webgl):
    opened = open_data(small_protein(), other_browser=browser_without_webgl)
    assert "draws no WebGL" in opened.page.inner_text("#structure-canvas")
    assert opened.complaints == []
    opened.page.mouse.move(*track_point(opened.page, HUB))
    opened.settle()
    assert opened.line.startswith("I24 ")


def test_a_tap_points_and_two_fingers_zoom(open_data, plain):
    opened = open_data(plain, viewport={"width": 400, "height": 800}, has_touch=True, is_mobile=True)
    page = opened.page
    assert page.evaluate("document.documentElement.scrollWidth") == 400
    page.touchscreen.tap(*track_point(page, HUB))
    assert opened.fragment == f"residue={HUB}"

    (left, y), (right, _) = track_point(page, 25), track_point(page, 35)
    device = page.context.new_cdp_session(page)
    for kind, a, b in (
        ("touchStart", left, right),
        ("touchMove", left - 40, right + 40),
        ("touchMove", left - 80, right + 80),
    ):
        points = [{"x": a, "y": y, "id": 1}, {"x": b, "y": y, "id": 2}]
        device.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    device.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    begin, end = map(int, opened.fragment.removeprefix(f"residue={HUB}&range=").split("-"))
    assert 20 < begin < 28
    assert 32 < end < 40


def test_many_types_of_features_fold(opened):
    height = "document.querySelector('#track-canvases').clientHeight"
    folded = opened.page.evaluate(height)
    opened.page.click("text=5 more types of features")
    assert opened.page.evaluate(height) > folded + 60
    opened.page.click("text=Fewer features")
    assert opened.page.evaluate(height) == folded


def test_tables_sort_by_a_column_and_show_all_rows(opened):
    page = opened.page
    page.fill("#head", "0-3")
    page.keyboard.press("Enter")
    page.wait_for_selector("#links-section >> text=Show all 39")
    page.emulate_media(media="print")
    assert page.locator("#links-section .printed").inner_text() == "25 of 39 rows"
    page.emulate_media(media="screen")
    page.click("#links-section >> text=Show all 39")
    assert page.locator("#links-table tbody tr").count() == 39
    page.click("#links-table th >> text=from")
    positions = page.eval_on_selector_all(
        "#links-table tbody td:first-child button", "all => all.map((b) => Number(b.dataset.position))"
    )
    assert positions == list(range(1, 40))
    page.click("#links-table th >> text=from")
    assert page.get_attribute("#links-table th:first-child", "aria-sort") == "descending"


def test_a_link_between_residues_in_contact_says_how_likely_the_contact_is(open_data, plain):
    contacts = {"i": [HUB, 2], "j": [30, 55], "probability": [0.75, 0.5]}
    opened = open_data(plain | {"contacts": contacts})
    rows = opened.page.eval_on_selector_all(
        "#links-table tbody tr", "all => all.map((row) => row.cells[4].textContent)"
    )
    assert rows == ["0.75"] + [""] * 19


def test_the_largest_models_have_a_cell_for_every_head(open_data):
    opened = open_data(protein_of(200, n_layers=48, n_heads=40, sites=(5, 50)), "#head=47-39")
    assert opened.page.locator("[data-head]").count() == 48 * 40
    assert opened.page.get_attribute('[data-head="1919"]', "aria-selected") == "true"


def test_half_precision_is_decoded_as_everywhere(opened):
    numbers = opened.page.evaluate("Array.from({ length: 65536 }, (_, bits) => String(attlas.halfToNumber(bits)))")
    names = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
    for bits, text in enumerate(numbers):
        (expected,) = struct.unpack("<e", struct.pack("<H", bits))
        number = names[text] if text in names else float(text)
        assert number == expected or (math.isnan(number) and math.isnan(expected))


@pytest.mark.parametrize("width", [360, 900])
def test_no_number_of_the_axis_is_cut_off_at_an_end(opened, width):
    spans = opened.page.evaluate(
        """(width) => {
            const { data, state } = attlas.shown;
            const frame = attlas.layoutTracks(data, state, width, false);
            const spans = [];
            const note = (x, y, text, style) => {
                const half = attlas.textWidth(text, style.size) / 2;
                if (style.size) spans.push([text, x - half - (frame.left - 6), frame.right + 6 - (x + half)]);
            };
            const row = frame.rows.find((row) => row.name === "axis");
            attlas.rowDrawings.axis({ polyline() {}, text: note }, frame, row, data, state, {});
            return spans;
        }""",
        width,
    )
    assert [text for text, *_ in spans][-1] == "60"
    assert [text for text, left, right in spans if min(left, right) < 0] == []


def test_a_peak_of_one_residue_is_in_its_pixel_however_far_out_the_view_is(opened):
    values = [((position * 7919) % 1009) / 1009 for position in range(1, 2001)]
    for begin, end, n_bins in ((1, 2000, 300), (17, 1901, 97), (5, 14, 60), (3, 3, 4)):
        bins = opened.page.evaluate(
            "([v, b, e, n]) => [...attlas.binLargest(Float32Array.from(v), b, e, n)]", [values, begin, end, n_bins]
        )
        width = (end - begin + 1) / n_bins
        for k, largest in enumerate(bins):
            index = begin - 1 + math.floor(k * width)
            part = values[index : max(index + 1, begin - 1 + math.floor((k + 1) * width))]
            assert largest == pytest.approx(max(part), abs=1e-6)
        assert max(bins) == pytest.approx(max(values[begin - 1 : end]), abs=1e-6)


def drag(opened: Opened, start: tuple[float, float], end: tuple[float, float]) -> None:
    mouse = opened.page.mouse
    mouse.move(*start)
    mouse.down()
    mouse.move((start[0] + end[0]) / 2, end[1])
    mouse.move(*end)
    mouse.up()
    opened.settle()


def point_at_atom(opened: Opened, selection: dict[str, int], *, position: int) -> None:
    """Move the pointer onto an atom of the structure, and wait until the page tells of the residue at a position."""
    place = """(selection) => {
        document.getElementById("structure-canvas").scrollIntoView({ block: "center" });
        const { viewer } = attlas.structureView;
        const [{ x, y, z }] = viewer.getModel(0).selectedAtoms(selection);
        const screen = viewer.modelToScreen({ x, y, z });
        return [screen.x - scrollX, screen.y - scrollY];
    }"""
    x, y = opened.page.evaluate(place, selection)
    opened.page.mouse.move(x - 2, y)
    opened.page.mouse.move(x, y)
    opened.page.locator("#pointed b", has_text=re.compile(rf"^[A-Z]{position}$")).wait_for(timeout=10_000)


def letter_under_mark(opened: Opened) -> int:
    """Return the position of the letter that the mark covers, reckoned from where the letters are on the screen."""
    return opened.page.evaluate(
        """() => {
            const mark = document.querySelector(".mark").getBoundingClientRect();
            const x = (mark.left + mark.right) / 2, y = mark.bottom - 8;
            const block = [...document.querySelectorAll(".block")].find((element) => {
                const box = element.getBoundingClientRect();
                return box.left <= x && x <= box.right && box.top <= y && y <= box.bottom;
            });
            const range = document.createRange();
            let position = Number(block.dataset.from);
            const walker = document.createTreeWalker(block, NodeFilter.SHOW_TEXT);
            for (let node = walker.nextNode(); node; node = walker.nextNode()) {
                for (let k = 0; k < node.length; k++, position++) {
                    range.setStart(node, k);
                    range.setEnd(node, k + 1);
                    const box = range.getBoundingClientRect();
                    if (box.left <= x && x < box.right) return position;
                }
            }
            return null;
        }"""
    )


def is_drawn_over_tracks(opened: Opened) -> bool:
    return opened.page.evaluate(
        """() => {
            const canvas = document.querySelector("#track-canvases .overlay");
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return data.some((value) => value > 0);
        }"""
    )
