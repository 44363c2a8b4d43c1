"""The file of a page: whole in itself, with every text of an atlas as text and nothing that reaches out."""

import base64
import gzip
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from helpers.command_line import Run
from helpers.drawn_protein import small_protein
from helpers.page_case import HOSTILE_TEXT
from helpers.range_server import serving

from attlas.queries import Atlas
from attlas.queries.page import html, pair_page, release_page
from attlas.queries.page.protein_data import complete_data, protein_data, read_heading
from attlas.queries.page.thinning import DATA_BYTES
from attlas.schema import QuestionError

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
WHOLE_BYTES = 1_000_000
"""Most that a whole page may take, gzipped."""


class Elements(HTMLParser):
    """The elements of a document with their attributes, and the texts of scripts and title."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.texts.append((tag, ""))

    def handle_endtag(self, tag: str) -> None:
        self.texts.append(("", ""))

    def handle_data(self, data: str) -> None:
        if self.texts:
            tag, text = self.texts[-1]
            self.texts[-1] = (tag, text + data)


def test_hostile_names_are_text_and_come_back_as_they_are(page_atlas: Atlas) -> None:
    text = page_atlas.page("EVIL1").html
    elements = Elements(text)
    usual = Elements(page_atlas.page("P04637").html)
    assert [tag for tag, _ in elements.tags] == [tag for tag, _ in usual.tags]
    assert not set("\x00\u202e\u2028") & set(text)
    assert not any(name.startswith("on") for _, attributes in elements.tags for name in attributes)

    heading, data = (json.loads(text) for tag, text in elements.texts if tag == "script" and text.startswith("{"))
    assert heading["protein"]["description"] == data["protein"]["description"] == HOSTILE_TEXT
    (title,) = (text for tag, text in elements.texts if tag == "title")
    assert "<img" in title


def test_the_data_are_those_of_the_protein(page_atlas: Atlas) -> None:
    elements = Elements(page_atlas.page("P0DP23").html)
    heading, data = (json.loads(text) for tag, text in elements.texts if tag == "script" and text.startswith("{"))
    assert data == json.loads(json.dumps(protein_data(page_atlas, "P0DP23")))
    assert heading["protein"].items() <= data["protein"].items()
    assert {name: data[name] for name in html.HEADING_KEYS}.items() <= heading.items()


def test_the_heading_stands_before_the_data_and_is_not_made_of_them(page_atlas: Atlas) -> None:
    heading = read_heading(page_atlas, "P0DP23")
    opening = html.page_opening(heading.values, may_have_structure=True)
    page = page_atlas.page("P0DP23").html
    assert len(opening) < 100_000
    assert 'id="attlas-heading"' in opening
    assert 'id="attlas-data"' not in opening
    data = complete_data(page_atlas, heading)
    assert html.page_opening(data, may_have_structure=bool(data["structure"])) + html.page_closing(data) == page


def test_the_policy_allows_the_scripts_of_the_page_by_digest_and_no_request(page_atlas: Atlas) -> None:
    elements = Elements(page_atlas.page("P04637").html)
    (policy,) = (a["content"] for tag, a in elements.tags if tag == "meta" and a.get("http-equiv"))
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert "connect-src" not in rules
    scripts = [text for tag, text in elements.texts if tag == "script" and not text.startswith("{")]
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
    assert rules["script-src"] == " ".join(f"'sha256-{digest}'" for digest in digests)


def test_nothing_is_fetched_by_the_document_itself(page_atlas: Atlas) -> None:
    elements = Elements(page_atlas.page("P04637").html)
    fetching = [tag for tag, attributes in elements.tags if "src" in attributes or tag in ("link", "iframe", "object")]
    assert fetching == []


def test_every_script_and_stylesheet_of_the_page_has_its_place() -> None:
    placed = {
        *html.PAGE_PARTS.heading_scripts,
        *html.PAGE_PARTS.with_viewer().scripts,
        *html.PAGE_PARTS.styles,
        *release_page.SCRIPTS,
        *release_page.STYLES,
        *pair_page.PAIR_PARTS.scripts,
        *pair_page.PAIR_PARTS.styles,
    }
    files = [path for path in html.STATIC.rglob("*") if path.suffix in (".js", ".css")]
    assert {path.relative_to(html.STATIC).as_posix() for path in files} == placed


def test_no_script_holds_what_would_end_its_element() -> None:
    page_scripts = (*html.PAGE_PARTS.heading_scripts, *html.PAGE_PARTS.with_viewer().scripts)
    for name in (*page_scripts, *release_page.SCRIPTS, *pair_page.PAIR_PARTS.scripts):
        assert not re.search(r"</script|<!--", html.read_static(name), re.IGNORECASE), name


def test_only_a_page_with_a_structure_carries_the_viewer(page_atlas: Atlas) -> None:
    without = dict(page_atlas.page("P04637").data) | {"structure": None}
    assert "3Dmol" in page_atlas.page("P04637").html
    assert len(html.page_html(without)) < len(page_atlas.page("P04637").html) - 400_000


def test_the_files_of_others_are_those_that_the_list_names() -> None:
    folder = html.STATIC / "vendor"
    rows = re.findall(r"^\| `([^`]+)` \|.*`([0-9a-f]{64})` \|$", (folder / "README.md").read_text(), re.MULTILINE)
    assert {name for name, _ in rows} == {path.name for path in folder.glob("*.js")}
    for name, sha256 in rows:
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == sha256, name
        assert (folder / f"{name.removesuffix('.js')}-LICENSE.txt").stat().st_size > 500


def test_the_colours_of_pages_and_report_are_one_file() -> None:
    text = (ROOT / "queries" / "colours.css").read_text()
    for name in ("ink", "soft", "line", "paper", "box", "link", "site", "attention", "links", "annotated", "pointed"):
        assert f"--{name}: #" in text


def test_a_notebook_shows_the_page_in_a_frame_of_its_own(page_atlas: Atlas) -> None:
    page = page_atlas.page("EVIL1")
    ((tag, attributes),) = Elements(page._repr_html_()).tags
    assert tag == "iframe"
    assert attributes["srcdoc"] == page.html
    sandbox = (attributes["sandbox"] or "").split()
    assert "allow-same-origin" not in sandbox
    assert {"allow-popups", "allow-popups-to-escape-sandbox"} <= set(sandbox), "UniProt's page needs its scripts"


def test_the_command_writes_the_page_and_says_its_size(attlas: Run, page_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "p53.html"
    done = attlas("page", page_dir, "P04637", "-o", path)
    assert (done.code, done.err) == (0, "")
    assert re.fullmatch(rf"{path}: P04637, [\d,]+ kB, [\d,]+ kB gzipped\n", done.out)
    with Atlas.open(page_dir) as atlas:
        assert path.read_text() == atlas.page("P04637").html


def test_the_file_is_named_after_the_protein(
    attlas: Run, page_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert attlas("page", page_dir, "H;=&%,\"é'").code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["H________.html"]


def test_words_of_a_name_do_for_an_id_where_one_protein_has_them(attlas: Run, page_dir: Path, tmp_path: Path) -> None:
    done = attlas("page", page_dir, "isoform p53", "-o", tmp_path / "x.html")
    assert done.code == 0
    assert "isoform p53 is taken for P04637-2" in done.err
    assert ": P04637-2, " in done.out
    assert attlas("page", page_dir, "TP53", "-o", tmp_path / "y.html").code == 1


def test_an_id_that_is_not_in_the_atlas_is_an_error_and_writes_nothing(
    attlas: Run, page_dir: Path, tmp_path: Path
) -> None:
    done = attlas("page", page_dir, "P99999", "-o", tmp_path / "x.html")
    assert done.code == 1
    assert "P99999 is not in this atlas" in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_page_is_not_written_into_the_atlas(page_atlas: Atlas, page_dir: Path) -> None:
    with pytest.raises(QuestionError, match="lies in the atlas"):
        page_atlas.page("P04637").write(page_dir / "x.html")


def test_the_page_of_an_atlas_behind_a_url_is_the_same(page_atlas: Atlas, page_dir: Path) -> None:
    with serving(page_dir) as server, Atlas.open(server.url) as remote:
        assert remote.page("P04637").html == page_atlas.page("P04637").html


def test_no_page_takes_more_than_a_megabyte_gzipped() -> None:
    # What is not data, the viewer included, and the data of a small protein with its structure.
    frame_bytes = len(gzip.compress(html.page_html(small_protein()).encode()))
    assert frame_bytes + DATA_BYTES <= WHOLE_BYTES
