"""Take the picture of a page as a browser shows it: `make picture` takes that of the README.

    python docs/pictures/take_picture.py PAGE.html PICTURE.png

Needs Playwright (`pip install '.[browser]'`) and a Chromium.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

WIDTH, HEIGHT = 1280, 860
"""Pixels: what stands at the top of the page, down to the map of heads."""
SETTLED_MS = 3_000
"""From when the page says that it has drawn everything: the structure is drawn in software where there is no graphics
card."""
READY_MS = 60_000
FLAGS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


def take_picture(page_file: Path, picture: Path) -> None:
    """Write the top of a page as PNG."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(page_file.resolve().as_uri())
        page.locator("html[data-ready]").wait_for(state="attached", timeout=READY_MS)
        page.wait_for_timeout(SETTLED_MS)
        page.screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    take_picture(Path(sys.argv[1]), Path(sys.argv[2]))
