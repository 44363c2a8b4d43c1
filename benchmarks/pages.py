"""How soon a browser shows the page of a protein, from `attlas serve` and from a release without a server.

    python benchmarks/make_atlas.py human-atlas --links
    python benchmarks/pages.py human-atlas [--proteins 10] [--starts 3]

Needs Playwright (`pip install '.[browser]'`) and a Chromium. The server and the browser share this machine. Every page
is opened in a context of its own, without a cache. First paint is the frame after the first one in which the page
says its answer; full is the moment when the page says that it has drawn everything. A page that is one line of text
stands beside them: what it takes is the browser's own time. It is opened first, as a visitor's browser runs already.
The browser paints without a graphics card, in software; an emulated card takes 0.1 to 0.2 s more for any page. The
first page of a server that has just started is told apart from the others; where other work shares the machine, the
smallest number is the one to look at. Publishes the atlas below a temporary directory, which takes as much disk as the
atlas.
"""

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from helpers.range_server import serving

import attlas
from attlas.queries.release import Statement, publish

Times = tuple[float, ...]
"""Seconds from the request to first paint and to the full page."""
TARGETS_S = 0.3, 1.0
"""First paint and full page from a server on loopback."""
TARGET_BYTES = 3_000_000
"""Most bytes of the page of a release, cold."""
WATCH_PAINT = """
const watch = () => requestAnimationFrame(() => {
  if (!document.getElementById("answer")?.textContent.trim()) watch();
  else requestAnimationFrame(() => { document.documentElement.dataset.painted = String(performance.now()); });
});
watch();
"""
TIMEOUT_MS = 120_000
FLAGS = ["--no-sandbox", "--disable-gpu"]
PLAIN_PAGE = """<!doctype html><html lang="en"><title>Plain</title><p id="answer">One line of text.</p><script>
addEventListener("load", () => { document.documentElement.dataset.ready = String(performance.now()); });
</script></html>"""
"""A page that is painted and full as soon as the browser can."""


def main() -> None:
    """Measure pages of random proteins, served and of a release."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("atlas", type=Path, metavar="DIR")
    parser.add_argument("--proteins", type=int, default=10, help="pages of each kind")
    parser.add_argument("--starts", type=int, default=3, help="servers that are started, one after the other")
    options = parser.parse_args()

    with attlas.open(options.atlas) as atlas:
        accessions = atlas.sql("SELECT accession FROM proteins ORDER BY accession").column(0).to_pylist()
    chosen = random.Random(0).sample(accessions, options.proteins)
    print(f"processors waited for: {os.getloadavg()[0]:.1f}, of {os.cpu_count()}")

    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "plain.html").write_text(PLAIN_PAGE)
            with serving(Path(folder)) as server:
                plain_url = f"{server.url}/plain.html"
                _, *plain_pages = open_pages(browser, [plain_url] * (1 + options.proteins))
        report("one line of text", plain_pages)

        first_pages, later_pages = list[Times](), list[Times]()
        for _ in range(options.starts):
            with serve(options.atlas) as url:
                first_page, *pages = open_pages(browser, [f"{url}protein/{accession}" for accession in chosen])
            first_pages.append(first_page)
            later_pages += pages
        report("first page of a server", first_pages, targets=TARGETS_S)
        report("later pages", later_pages, targets=TARGETS_S)

        with tempfile.TemporaryDirectory() as folder:
            release = Path(folder) / "release"
            publish(options.atlas, release, Statement(), has_pages=True)
            with serving(release) as server:
                sizes: list[int] = []

                def count(_: str) -> None:
                    sizes.append(server.n_bytes)
                    server.forget()

                urls = [f"{server.url}/index.html?protein={accession}" for accession in chosen]
                server.forget()
                report("release", open_pages(browser, urls, after=count))
                middle, largest = statistics.median(sizes), max(sizes)
                print(f"release: bytes cold: median {middle:,.0f}, largest {largest:,}; bar {TARGET_BYTES:,}")
        browser.close()


@contextmanager
def serve(atlas: Path) -> Iterator[str]:
    """Yield the URL of a server of an atlas."""
    command = [sys.executable, "-m", "attlas.cli.main", "serve", str(atlas), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split()[-1]
    finally:
        process.terminate()
        process.wait()


def open_pages(browser: Any, urls: list[str], *, after: Callable[[str], None] = lambda _: None) -> list[Times]:
    """Open pages one after the other, and return the times of each."""
    times = []
    for url in urls:
        context = browser.new_context()
        page = context.new_page()
        page.add_init_script(WATCH_PAINT)
        page.goto(url, timeout=TIMEOUT_MS)
        page.locator("html[data-ready][data-painted]").wait_for(state="attached", timeout=TIMEOUT_MS)
        element = page.locator("html")
        times.append(tuple(float(element.get_attribute(f"data-{name}")) / 1000 for name in ("painted", "ready")))
        context.close()
        after(url)
    return times


def report(name: str, times: list[Times], *, targets: tuple[float, float] | None = None) -> None:
    """Print the spread of first paint and full page."""
    columns = zip(*times, strict=True)
    for label, seconds, bar in zip(("first paint", "full page"), columns, targets or (None, None), strict=True):
        bar_text = f"; bar {bar} s" if bar else ""
        spread = f"smallest {min(seconds):.2f} s, median {statistics.median(seconds):.2f}, largest {max(seconds):.2f}"
        print(f"{name}: {label} of {len(seconds)}: {spread}{bar_text}", flush=True)


if __name__ == "__main__":
    main()
