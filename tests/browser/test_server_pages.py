"""The pages of a server in a real browser: nothing from elsewhere, no complaint, forms that ask, tables that sort."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest
import uvicorn
from helpers.browser import SCREENS, axe_violations
from helpers.page_case import write_page_case

from attlas.serve.app import make_app
from attlas.serve.server import open_socket

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Request

pytestmark = pytest.mark.browser

PATHS = {
    "start": "/",
    "list": "/proteins",
    "questions": "/questions",
    "question": "/questions/sites_per_protein",
    "alignment": "/questions/aligned_sites",
    "sql": "/sql",
    "exports": "/exports",
    "api": "/api",
    "protein": "/protein/P04637",
}
LOOKS = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 400, "height": 860}, "color_scheme": "dark"},
}
TIMEOUT_MS = 30_000
THIS_MACHINE = "http://127.0.0.1:"
"""How the addresses of the servers of these tests begin."""


@contextmanager
def serve_atlas(root: Path) -> Iterator[str]:
    """Give the address of a server at work."""
    app = make_app(root, has_sql=True)
    with open_socket("127.0.0.1", 0) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a server of the atlas of the pages."""
    root = tmp_path_factory.mktemp("served") / "atlas"
    write_page_case(root)
    with serve_atlas(root) as address:
        yield address


@pytest.fixture(scope="module")
def pair_url(pair_atlas: tuple[Path, dict[str, str]]) -> Iterator[str]:
    """Return the address of a server of an atlas with pairs."""
    with serve_atlas(pair_atlas[0]) as address:
        yield address


@pytest.fixture
def visit(browser: "Browser", url: str) -> Iterator[Callable[..., "Page"]]:
    """Return a function that opens a path; afterwards no page may have complained, nor asked another host."""
    contexts, problems = [], []

    def note_request(request: "Request") -> None:
        if not request.url.startswith((THIS_MACHINE, "blob:", "data:")):
            problems.append(request.url)

    def opened(path: str, **look: object) -> "Page":
        contexts.append(browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **look}))
        page = contexts[-1].new_page()
        page.set_default_timeout(TIMEOUT_MS)
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", note_request)
        page.goto(path if path.startswith(THIS_MACHINE) else url + path)
        page.wait_for_load_state("networkidle")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert problems == []


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", PATHS)
def test_axe_finds_no_violation_and_nothing_is_wider_than_the_window(
    visit: Callable[..., "Page"], name: str, look: str
) -> None:
    page = visit(PATHS[name], **LOOKS[look])
    SCREENS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENS / f"server-{name}-{look}.png", full_page=True)
    assert axe_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_question_is_asked_by_its_form_and_the_address_keeps_it(visit: Callable[..., "Page"], url: str) -> None:
    page = visit("/questions/lengths")
    n_rows = page.locator(".results tbody tr").count()
    page.fill("#width", "500")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{url}/questions/lengths?width=500")
    page.wait_for_selector(".downloads a")
    assert 0 < page.locator(".results tbody tr").count() < n_rows
    assert page.inner_text(".command code").endswith(" lengths width=500")
    with page.expect_download() as download:
        page.click(".downloads a:has-text('CSV')")
    lines = Path(download.value.path()).read_text().splitlines()
    assert len(lines) == page.locator(".results tbody tr").count() + 1


def test_a_heading_sorts_numbers_by_size_and_empty_cells_last(visit: Callable[..., "Page"]) -> None:
    page = visit("/sql")
    page.fill("#query", "SELECT * FROM (VALUES (2, 'b'), (10, 'a'), (NULL, 'c'), (1, '<b>d')) AS t(n, word)")
    page.keyboard.press("Control+Enter")
    heading = page.locator(".results th", has_text="n").first
    heading.locator("button").click()
    assert page.locator(".results td.number").all_inner_texts() == ["1", "2", "10", ""]
    heading.locator("button").press("Enter")
    assert page.locator(".results td.number").all_inner_texts() == ["10", "2", "1", ""]
    assert heading.get_attribute("aria-sort") == "descending"
    assert "<b>d" in page.inner_text(".results tbody")


def test_an_alignment_is_pasted_and_its_answer_downloaded(visit: Callable[..., "Page"]) -> None:
    page = visit("/sql")
    page.fill("#query", "SELECT sequence FROM proteins WHERE accession = 'P04637'")
    page.click("button.main")
    sequence = page.inner_text(".results tbody td")
    page = visit("/questions/aligned_sites")
    page.fill("#alignment", f">P04637\n{sequence}\n")
    page.click("button.main")
    page.wait_for_selector(".results tbody tr")
    with page.expect_download() as download:
        page.click(".downloads button:has-text('JSON')")
    assert download.value.suggested_filename == "aligned_sites.json"
    assert "alignment=FILE" in page.inner_text(".command code")


def test_a_name_typed_into_the_search_leads_to_the_page_of_the_protein(visit: Callable[..., "Page"], url: str) -> None:
    page = visit("/")
    page.fill("main input[name=q]", "tumor antigen")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{url}/protein/P04637")
    page.wait_for_selector("html[data-ready]")
    assert "P04637" in page.inner_text("h1")
    page.click("nav.served a:has-text('Questions')")
    page.wait_for_url(f"{url}/questions")


def test_a_page_that_is_opened_twice_is_drawn_twice(visit: Callable[..., "Page"], url: str) -> None:
    page = visit("/protein/P04637")
    for _ in range(2):  # from the second time on the browser has it, and is answered 304
        page.goto("about:blank")
        page.goto(f"{url}/protein/P04637")
        page.wait_for_selector("html[data-ready]")


def test_an_export_is_downloaded_for_all_proteins_or_for_some(visit: Callable[..., "Page"]) -> None:
    page = visit("/exports")
    form = page.locator("form[action$='/gff3']")
    with page.expect_download() as download:
        form.locator("button").click()
    assert download.value.suggested_filename == "atlas.gff3"
    form.locator("input[name=ids]").fill("P04637")
    with page.expect_download() as download:
        form.locator("button").click()
    assert download.value.suggested_filename == "P04637.gff3"


def test_the_drawings_of_the_start_page_come_when_they_are_counted(visit: Callable[..., "Page"]) -> None:
    page = visit("/")
    page.wait_for_selector(".glance figure")
    assert page.locator(".glance figure").count() == 4


def test_the_start_page_shows_why_there_are_no_drawings(browser: "Browser", url: str) -> None:
    page = browser.new_page()
    problem = '{"detail": "This server is busy.", "hint": "come again"}'
    page.route("**/glance", lambda route: route.fulfill(status=503, body=problem))
    start = '<div data-load="/glance"></div><script src="/static/pages.js"></script>'
    page.route("**/start-alone", lambda route: route.fulfill(content_type="text/html", body=start))
    page.goto(f"{url}/start-alone")
    page.set_default_timeout(TIMEOUT_MS)
    assert "This server is busy." in page.inner_text("[data-load] .problem")
    page.context.close()


def test_from_a_protein_over_its_pairs_to_the_page_of_one(visit: Callable[..., "Page"], pair_url: str) -> None:
    page = visit(f"{pair_url}/protein/P0")
    page.click("nav.served >> text=Pairs")
    page.click("text=page of the pair >> nth=0")
    page.wait_for_selector("#views", state="visible")
    assert page.inner_text("#answer").startswith("Strongest link across: ")
    page.click("nav.served >> text=P1")
    assert page.url == f"{pair_url}/protein/P1"
