"""The page of a pair in a real browser: what it says, and that sequences, block, heads and structure are linked."""

import pytest
from helpers.browser import Opened
from helpers.drawn_pair import N_FIRST, small_pair
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


@pytest.fixture
def pair(open_data) -> Opened:
    """Return the page of the small pair without its structure, whose drawing takes seconds on a processor."""
    return open_data(small_pair(structure=None))


def hover_sequence(opened: Opened, k: int, position: int) -> None:
    """Point at a residue of the first (0) or second (1) protein, in its row of attention received."""
    x, y = opened.page.evaluate(
        """([k, position]) => {
            const holder = document.getElementById("track-canvases");
            holder.scrollIntoView({ block: "center" });
            const box = holder.getBoundingClientRect();
            const { data, state } = attlas.shown;
            const frame = attlas.layoutSequences(data, state, holder.clientWidth).frames[k];
            const { top, height } = frame.rows.find((row) => row.name === "profile");
            return [box.left + frame.x(position), box.top + top + height / 2];
        }""",
        [k, position],
    )
    opened.page.mouse.move(x, y)
    opened.settle()


def cell_point(opened: Opened, i: int, j: int) -> tuple[float, float]:
    """Return where a cell of the cross block is in the window."""
    x, y = opened.page.evaluate(
        """([i, j]) => {
            const holder = document.getElementById("block-canvases");
            holder.scrollIntoView({ block: "center" });
            const box = holder.getBoundingClientRect();
            const frame = attlas.layoutBlock(attlas.shown.data, attlas.shown.state, holder.clientWidth);
            return [box.left + frame.x(j), box.top + frame.y(i)];
        }""",
        [i, j],
    )
    return x, y


def test_with_a_structure_it_asks_for_nothing_and_draws_links_between_the_chains(open_data) -> None:
    opened = open_data(small_pair())
    assert opened.requests == []
    assert opened.complaints == []
    legend = opened.page.inner_text("#structure-legend")
    assert "grey: X40, sand: X60" in legend
    assert "attention received from the partner in layer 2" in legend
    assert "pink rods: 3 of 3 kept links of head 2-1" in legend

    # The residues of the structure are numbered from 101.
    opened.page.evaluate(
        """() => {
            const { viewer } = attlas.structureView;
            const addCylinder = viewer.addCylinder.bind(viewer);
            globalThis.rods = [];
            viewer.addCylinder = (rod) => {
                rods.push([rod.start, rod.end].map((atom) => `${atom.chain}${atom.resi}`));
                return addCylinder(rod);
            };
            attlas.shown.state.set({ head: 3 });
        }"""
    )
    opened.settle()
    assert opened.page.evaluate("rods") == [[f"A{100 + i}", f"B{105 + i}"] for i in range(1, 8)]


def test_it_opens_with_the_strongest_link_and_its_head(pair: Opened) -> None:
    sequences = [part["protein"]["sequence"] for part in small_pair()["proteins"]]
    link = f"{sequences[0][11]}12 of X40 to {sequences[1][32]}33 of X60"
    assert pair.page.inner_text("#answer") == f"Strongest link across: {link}, 0.80 in head 2-1."
    assert pair.page.input_value("#head") == "2-1"
    # Of the two orders it is one link, with the larger weight.
    caption = pair.page.inner_text("#links-caption")
    assert caption.startswith("3 of 10 links from X40 to X60: those of head 2-1 (of both orders")
    rows = pair.page.eval_on_selector_all("#links-table tbody tr", "all => all.map((row) => row.innerText)")
    assert len(rows) == 3
    assert "0.80" in rows[0]
    assert pair.fragment == ""


def test_a_click_on_a_head_shows_its_links(pair: Opened) -> None:
    pair.page.click('[data-head="3"]')
    assert pair.fragment == "head=0-3"
    assert pair.page.inner_text("#links-caption").startswith("7 of 10 links")
    assert pair.page.locator("#links-table tbody tr").count() == 7
    assert "Head 0-3: across share 0.15. 7 links of X40 to X60 kept, 7 of attention 0.3 or more; the head has 0" in (
        pair.page.inner_text("#head-caption")
    )


def test_the_other_direction_has_its_own_links_and_shares(pair: Opened) -> None:
    pair.page.select_option("#place", "2")
    pair.page.fill("#head", "1-2")
    pair.page.keyboard.press("Enter")
    assert pair.fragment == "head=1-2&place=2"
    assert pair.page.inner_text("#links-caption").startswith("6 of 6 links from X60 to X40")
    expect(pair.page.locator('[data-head="6"]')).to_have_attribute("aria-label", "head 1-2: 0.28")
    pair.page.select_option("#chain-order", "reverse")
    pair.settle()
    assert "0 of 0 links" in pair.page.inner_text("#links-caption")
    expect(pair.page.locator('[data-head="6"]')).to_have_attribute("aria-label", "head 1-2: 0.29")


def test_an_address_opens_what_it_says(open_data) -> None:
    opened = open_data(small_pair(structure=None), "#place=2&chain_order=forward&shown=all&received=within&layer=1")
    values = {name: opened.page.input_value(f"#{name}") for name in ("place", "chain-order", "shown", "received")}
    assert values == {"place": "2", "chain-order": "forward", "shown": "all", "received": "within"}
    assert "strongest of all heads" in opened.page.inner_text("#links-caption")


def test_a_residue_of_the_partner_is_told_with_what_it_receives_and_its_links(pair: Opened) -> None:
    letters = [part["protein"]["sequence"] for part in small_pair()["proteins"]]
    hover_sequence(pair, 1, 33)
    assert pair.line.startswith(f"{letters[1][32]}33 of X60 receives 1.20 from its partner in layer 2")
    assert f"is attended to by {letters[0][11]}12 of X40, 0.80 in head 2-1" in pair.line
    assert "3 links across in 1 head" in pair.line

    pair.page.select_option("#received", "within")
    hover_sequence(pair, 1, 33)
    assert "from itself in layer 2" in pair.line


def test_arrow_keys_walk_from_one_protein_into_the_other_and_enter_holds(pair: Opened) -> None:
    pair.page.focus("#track-canvases")
    pair.page.keyboard.press("PageDown")
    pair.page.keyboard.press("ArrowLeft")
    pair.settle()
    assert " of X40" in pair.line
    assert pair.page.get_attribute("#track-canvases", "aria-valuenow") == str(N_FIRST)
    pair.page.keyboard.press("ArrowRight")
    pair.page.keyboard.press("Enter")
    assert pair.fragment == f"residue={N_FIRST + 1}"
    pair.page.keyboard.press("Escape")
    assert pair.fragment == ""


def test_a_cell_of_the_block_says_what_is_kept_of_its_residues(pair: Opened) -> None:
    pair.page.mouse.move(*cell_point(pair, 5, 40))
    pair.settle()
    text = pair.page.inner_text("#block-caption")
    assert "contact probability 0.020 · known contact, 6.50 Å." in text
    pair.page.mouse.move(*cell_point(pair, 12, 33))
    pair.settle()
    assert "link 0.80 in head 2-1 · contact probability 0.010." in pair.page.inner_text("#block-caption")
    assert "green: 1 known contact (1tst.cif)" in pair.page.inner_text("#block-legend")


def test_a_drag_over_the_block_zooms_both_sequences(pair: Opened) -> None:
    pair.page.mouse.move(*cell_point(pair, 5, 11))
    pair.page.mouse.down()
    pair.page.mouse.move(*cell_point(pair, 24, 40))
    pair.page.mouse.up()
    pair.settle()
    assert pair.page.evaluate("attlas.shown.state.values.ranges") == [[5, 24], [11, 40]]
    pair.page.click("#zoom-buttons button")
    pair.settle()
    assert pair.page.evaluate("attlas.shown.state.values.ranges") == [[1, 40], [1, 60]]


def test_a_narrow_screen_has_no_sideways_scroll(open_data) -> None:
    opened = open_data(small_pair(structure=None), viewport={"width": 360, "height": 700})
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 360
    assert opened.complaints == []


def test_a_pair_without_links_and_contacts_says_so(open_data) -> None:
    data = small_pair(structure=None, known_contacts=None)
    data["links"] = {name: [] if isinstance(values, list) else values for name, values in data["links"].items()}
    data["contacts"] = {name: [] for name in data["contacts"]}
    opened = open_data(data)
    assert opened.page.inner_text("#answer") == "No link across of X40 and X60 is kept."
    assert "None of this direction is kept" in opened.page.inner_text("#links-caption")
    assert opened.complaints == []
