"""The page as `attlas page` and a notebook show it, of an atlas with every table, in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.browser import SCREENS, Opened, open_page, track_point
from helpers.page_case import write_page_case

from attlas.queries import Atlas

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page_atlas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Atlas]:
    with Atlas.open(write_page_case(tmp_path_factory.mktemp("pages") / "atlas")) as atlas:
        yield atlas


@pytest.fixture
def context(browser):
    with browser.new_context(viewport={"width": 1280, "height": 900}) as made:
        yield made


def open_html(context, tmp_path: Path, html: str) -> Opened:
    path = tmp_path / "page.html"
    path.write_text(html, encoding="utf-8")
    return open_page(context, path.as_uri())


def test_every_protein_of_an_atlas_has_a_page_without_a_complaint(context, tmp_path, page_atlas):
    accessions = page_atlas.sql("SELECT accession FROM proteins ORDER BY accession").column(0).to_pylist()
    for accession in accessions:
        opened = open_html(context, tmp_path, page_atlas.page(accession).html)
        assert opened.complaints == [], accession
        assert opened.requests == [], accession
        assert opened.page.inner_text("#answer") != ""
        opened.page.close()


def test_the_answer_counts_the_sites_that_the_atlas_has(context, tmp_path, page_atlas):
    (row,) = page_atlas.sql(
        "SELECT accession, n_sites, layer FROM proteins WHERE n_sites > 1 ORDER BY n_sites DESC, accession LIMIT 1"
    ).to_pylist()
    opened = open_html(context, tmp_path, page_atlas.page(row["accession"]).html)
    answer = opened.page.inner_text("#answer")
    assert answer.startswith(f"{row['n_sites']} high-attention sites: ")
    assert f"in layer {row['layer']}, " in answer
    assert opened.page.locator("#sites-table tbody tr").count() == min(row["n_sites"], 25)


def test_harmful_names_of_an_atlas_do_nothing(context, tmp_path, page_atlas):
    opened = open_html(context, tmp_path, page_atlas.page("EVIL1").html)
    assert opened.complaints == []
    assert opened.page.locator("img").count() == 0
    assert "onerror" in opened.page.inner_text("#name")


def test_a_notebook_shows_the_page_in_its_frame(context, tmp_path, page_atlas):
    page = context.new_page()
    complaints = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    path = tmp_path / "notebook.html"
    path.write_text(
        f"<!doctype html><title>notebook</title>{page_atlas.page('P04637')._repr_html_()}", encoding="utf-8"
    )
    page.goto(path.as_uri())
    frame = page.frame_locator("iframe")
    frame.locator("html[data-ready]").wait_for(timeout=60_000)

    frame.locator("#track-canvases").press("ArrowRight")
    frame.locator("#track-canvases").press("Enter")
    frame.locator("#pointed", has_text="receives").wait_for()
    SCREENS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENS / "notebook.png")
    assert "receives" in frame.locator("#pointed").inner_text()  # held, though a frame has no address of its own
    assert complaints == []
    assert page.url == path.as_uri()


def test_pointing_at_a_residue_of_an_atlas_says_what_the_atlas_says(context, tmp_path, page_atlas):
    card = page_atlas.sql(
        "SELECT accession, position, residue, rank FROM sites WHERE rank = 1 ORDER BY accession LIMIT 1"
    ).to_pylist()[0]
    opened = open_html(context, tmp_path, page_atlas.page(card["accession"]).html)
    opened.page.mouse.move(*track_point(opened.page, card["position"]))
    opened.settle()
    assert opened.line.startswith(f"{card['residue']}{card['position']} receives ")
    assert "site of rank 1" in opened.line
