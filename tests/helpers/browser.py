"""A real browser for the tests of the pages: what is opened, what it asks for and complains of, how it is touched."""

import hashlib
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, Request

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "browser"
SCREENS = ROOT / ".cache" / "screens"

SOFTWARE_WEBGL = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
NO_WEBGL = ("--disable-3d-apis",)
AXE_PACKAGE = "axe-core@4.14.1"
AXE_FILE = "axe-core-4.14.1.tgz"
AXE_SHA256 = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"
"""Of the tarball in npm's registry. axe-core is MPL-2.0: it is fetched for the tests, and not part of the project."""


@dataclass
class Opened:
    """A page in the browser, with what it asked for and complained of."""

    page: Page
    requests: list[str] = field(default_factory=list)
    """Addresses of all requests but that of the page itself, and of what is inside it (`data:`, `blob:`)."""
    complaints: list[str] = field(default_factory=list)
    """Errors and warnings on the console, errors that nobody caught, and dialogs."""

    @property
    def line(self) -> str:
        """What the page says of the residue pointed at."""
        return self.page.inner_text("#pointed")

    def settle(self) -> None:
        """Wait until the page has drawn what changed, and has renewed its address."""
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 260)))")

    @property
    def fragment(self) -> str:
        """What stands behind the `#` of the address."""
        self.settle()
        return self.page.evaluate("location.hash.slice(1)")


def launch(playwright: Playwright, *arguments: str) -> Browser:
    """Start Chromium: Debian's where there is one, or else Playwright's own."""
    return playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", *arguments])


def open_page(context: BrowserContext, address: str) -> Opened:
    """Open an address and wait until everything is drawn."""
    opened = Opened(context.new_page())

    def note_request(request: Request) -> None:
        if request.url.split("#")[0] != address.split("#")[0] and not request.url.startswith(("data:", "blob:")):
            opened.requests.append(request.url)

    def note_message(message: ConsoleMessage) -> None:
        # Chromium itself warns of drawing by the processor, which only a test does.
        if (
            message.type in ("error", "warning")
            and "GPU stall" not in message.text
            and "swiftshader" not in message.text.lower()
        ):
            opened.complaints.append(message.text)

    opened.page.on("request", note_request)
    opened.page.on("console", note_message)
    opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    opened.page.on("dialog", lambda dialog: opened.complaints.append(dialog.message))
    opened.page.goto(address)
    opened.page.wait_for_selector("html[data-ready]", timeout=90_000)
    return opened


def track_point(page: Page, position: int, *, row: str = "profile") -> tuple[float, float]:
    """Return where a residue stands in a row of the tracks, in the window."""
    place = page.evaluate(
        """([position, row]) => {
            const canvas = document.querySelector("#track-canvases canvas");
            canvas.scrollIntoView({ block: "center" });
            const box = canvas.getBoundingClientRect();
            const { data, state } = attlas.shown;
            const { clientWidth } = document.getElementById("track-canvases");
            const frame = attlas.layoutTracks(data, state, clientWidth, false);
            const { top, height } = frame.rows.find((other) => other.name === row);
            return [box.left + frame.x(position), box.top + top + height / 2];
        }""",
        [position, row],
    )
    return place[0], place[1]


def axe_violations(page: Page) -> list[str]:
    """Return the faults that axe finds in a page, one line for each rule and element."""
    page.evaluate(_axe_source())
    results: Mapping[str, Any] = page.evaluate("axe.run(document)")
    return [
        f"{rule['id']}: {node['html'][:120]} {node['failureSummary']}"
        for rule in results["violations"]
        for node in rule["nodes"]
    ]


def _axe_source() -> str:
    """Return axe-core's text, fetched once from npm."""
    package = CACHE / AXE_FILE
    if not package.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "pack", "--silent", AXE_PACKAGE], cwd=CACHE, check=True, capture_output=True)
    if hashlib.sha256(package.read_bytes()).hexdigest() != AXE_SHA256:
        raise ValueError(f"{package} is not {AXE_PACKAGE} as npm has it (sha256 {AXE_SHA256}); remove it and try again")
    with tarfile.open(package) as tar:
        member = tar.extractfile("package/axe.min.js")
        assert member is not None
        return member.read().decode()
