"""One browser for all tests of the pages; each test gets a context of its own, with nothing kept."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sync_api = pytest.importorskip("playwright.sync_api", reason="the extra [browser] is not installed")

from helpers.browser import NO_WEBGL, SOFTWARE_WEBGL, Opened, launch, open_page  # noqa: E402
from helpers.drawn_protein import Data, small_protein  # noqa: E402

from attlas.queries.page.html import page_html  # noqa: E402
from attlas.queries.page.pair_page import PairPage  # noqa: E402

Open = Callable[..., Opened]


@pytest.fixture(scope="session")
def playwright() -> Iterator[Any]:
    with sync_api.sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Any) -> Iterator[Any]:
    with launch(playwright, *SOFTWARE_WEBGL) as started:
        yield started


@pytest.fixture(scope="session")
def browser_without_webgl(playwright: Any) -> Iterator[Any]:
    with launch(playwright, *NO_WEBGL) as started:
        yield started


@pytest.fixture
def open_data(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Return a function that opens the page of some data from a file; keywords are of the browser's context."""
    contexts = []

    def opened(data: Data, fragment: str = "", *, other_browser: Any = None, **settings: Any) -> Opened:
        path = tmp_path / f"page{len(contexts)}.html"
        path.write_text(PairPage(data).html if "pair" in data else page_html(data), encoding="utf-8")
        context = (other_browser or browser).new_context(**{"viewport": {"width": 1280, "height": 900}, **settings})
        contexts.append(context)
        return open_page(context, path.as_uri() + fragment)

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def plain() -> Data:
    """Return the small protein without its structure, whose drawing takes seconds on a processor."""
    return small_protein(structure=None)


@pytest.fixture
def opened(open_data: Open, plain: Data) -> Opened:
    """Return the page of the small protein without its structure."""
    return open_data(plain)
