"""The page in the frame of a notebook: it works there, and reaches nothing of what is around it."""

from pathlib import Path
from typing import Any

import pytest
from helpers.browser import open_page
from helpers.drawn_protein import Data

from attlas.queries.page.protein_page import ProteinPage

pytestmark = pytest.mark.browser

TIMEOUT_MS = 30_000
AROUND = "(() => { try { return parent.document.body.id } catch { return null } })()"
"""What a script in the frame reads of the notebook."""


def test_the_page_works_in_the_frame_of_a_notebook(browser: Any, plain: Data, tmp_path: Path) -> None:
    notebook = tmp_path / "notebook.html"
    notebook.write_text(
        '<!doctype html><meta charset="utf-8"><html data-ready="true"><body id="notebook">'
        f"{ProteinPage(plain)._repr_html_()}",
        encoding="utf-8",
    )
    context = browser.new_context()
    opened = open_page(context, notebook.as_uri())
    frame = opened.page.frame_locator("iframe")
    frame.locator("html[data-ready]").wait_for(state="attached", timeout=TIMEOUT_MS)

    frame.locator("#layer").select_option("0")
    frame.locator("#track-canvases").press("ArrowRight", timeout=TIMEOUT_MS)
    frame.locator("#pointed b").wait_for(timeout=TIMEOUT_MS)
    assert "in layer 0" in frame.locator("#pointed").inner_text()
    assert (
        opened.page.frames[1].evaluate("(() => { try { return parent.document.body.id } catch { return null } })()")
        is None
    )
    assert (opened.requests, opened.complaints) == ([], [])
    context.close()
