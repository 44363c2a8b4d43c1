"""The pages: every one is there, names of an atlas are text in them, forms are the headers of their questions."""

import re
from collections.abc import Iterator
from html import escape, unescape
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from helpers.handmade import hand, write_handmade
from helpers.reading_case import HOSTILE
from starlette.testclient import TestClient

from attlas.queries.asking.questions import question_named, questions
from attlas.serve.app import make_app
from attlas.serve.pages.glance import PANELS, glance_html
from attlas.serve.pages.routes import read_static_files
from attlas.serve.protein_page import protein_page
from attlas.serve.service import Service

pytestmark = pytest.mark.slow

PAGES = ("/", "/proteins", "/questions", "/questions/lengths", "/sql", "/exports", "/api", "/glance")
EVIL = "</script><img src=x onerror=alert(1)>"
VOID = {"meta", "link", "input", "br", "img", "rect", "hr"}


class Elements(HTMLParser):
    """The elements of a page; an end without a beginning is an error."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.all: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.all.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def _elements(html: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Elements()
    parser.feed(html)
    parser.close()
    assert [tag for tag in parser.open if tag != "p"] == []
    return parser.all


@pytest.fixture(scope="module")
def evil_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Return a client of an atlas whose names are markup."""
    root = tmp_path_factory.mktemp("evil") / "atlas"
    names = {"gene": EVIL, "organism": EVIL, "description": EVIL}
    write_handmade(root, (hand(EVIL, "MKCAACGGHW", sites=(3,), layer=1, **names), hand("X2", "MK", note=EVIL, **names)))
    app = make_app(root, has_sql=True)
    yield TestClient(app, base_url="http://127.0.0.1")
    app.state.service.close()


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_whole_and_loads_nothing_from_elsewhere(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")
    for tag, attributes in _elements(response.text):
        loads = attributes.get("src") or (attributes.get("href") if tag == "link" else None)
        assert loads is None or loads.startswith("/static/")
        assert not [name for name in attributes if name.startswith("on") or name == "style"]  # the policy forbids both


@pytest.mark.parametrize("path", [*PAGES, f"/proteins?q={quote(EVIL)}", f"/protein/{quote(EVIL, safe='')}",
                                  f"/protein/{quote(EVIL * 2, safe='')}", f"/questions/lengths?width={quote(EVIL)}",
                                  f"/sql?query={quote(EVIL)}", f"/questions/{quote(EVIL)}"])  # fmt: skip
def test_names_and_parameters_are_text_and_no_markup(evil_client: TestClient, path: str) -> None:
    html = evil_client.get(path, headers={"Accept": "text/html"}).text
    assert "<img" not in html


def test_the_examples_of_the_start_page_lead_to_pages(evil_client: TestClient) -> None:
    assert f"/protein/{quote(EVIL, safe='')}" in unescape(evil_client.get("/").text)


def test_a_hostile_accession_has_a_page_and_links_to_it(client: TestClient) -> None:
    path = f"/protein/{quote(HOSTILE.accession, safe='')}"
    assert path in unescape(client.get("/proteins").text)
    assert client.get(path).status_code == 200


@pytest.mark.parametrize(("text", "accession"), [("p53_human", None), ("CALM1", "P0DP23"), ("tumor antigen", "P04637"),
                                                 ("sp|Q00001|NONE_HUMAN", "Q00001")])  # fmt: skip
def test_a_search_that_means_one_protein_leads_to_it(client: TestClient, text: str, accession: str | None) -> None:
    response = client.get("/proteins", params={"q": text}, follow_redirects=False)
    if accession is None:
        assert response.status_code == 200
        assert "2 proteins" in response.text
    else:
        assert (response.status_code, response.headers["location"]) == (303, f"/protein/{accession}")


def test_an_id_of_several_proteins_leads_to_their_list(client: TestClient) -> None:
    response = client.get("/protein/TP53")
    assert str(response.url).endswith("/proteins?q=TP53")
    assert "2 proteins" in response.text


@pytest.mark.parametrize("accession", ["Q00001", "Q00002", "Q00003", "Q00004"])
def test_a_protein_without_sites_has_a_page(client: TestClient, accession: str) -> None:
    response = client.get(f"/protein/{accession}")
    assert response.status_code == 200
    assert 'href="/questions"' in response.text
    assert "sha256-" in response.headers["content-security-policy"]
    assert (
        "unsafe-inline" not in response.headers["content-security-policy"].partition("script-src")[2].partition(";")[0]
    )


def test_the_header_of_a_protein_is_sent_before_its_data_are_read(
    app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    service: Service = app.state.service
    atlas = service.current.edition().atlas
    read = []
    monkeypatch.setattr(
        "attlas.serve.protein_page.complete_data", lambda *values, drawing: read.append(values) or fail()
    )

    def fail() -> None:
        raise AssertionError("the data are read")

    pieces = protein_page(atlas, "P0DP23", place=service.place).pieces()
    opening = next(pieces)
    assert read == []
    assert 'id="attlas-heading"' in opening
    assert "attlas.writeHeader" in opening
    with pytest.raises(AssertionError, match="the data are read"):
        next(pieces)


def test_the_page_of_a_protein_is_that_of_the_command_with_navigation_and_the_place(
    client: TestClient, app: FastAPI
) -> None:
    service: Service = app.state.service
    served = client.get("/protein/P0DP23").text
    alone = service.current.edition().atlas.page("P0DP23").html
    place = f'<meta name="attlas-place" content="{escape(service.place)}">\n'
    assert place in served
    navigation = re.compile(r"\n<style>nav.served.*?</nav>", re.DOTALL)
    assert navigation.sub("", served.replace(place, "")) == alone


def test_a_search_without_hits_says_what_would_do(client: TestClient) -> None:
    assert "No protein fits" in client.get("/proteins?q=nothing+like+this").text


def test_the_list_names_why_a_protein_has_no_sites(client: TestClient) -> None:
    assert "skipped: inner `*`" in client.get("/proteins").text


@pytest.mark.parametrize("name", [question.name for question in questions()])
def test_the_form_of_a_question_has_its_parameters(annotated_client: TestClient, name: str) -> None:
    html = annotated_client.get(f"/questions/{name}").text
    question = question_named(name)
    fields = [attributes for tag, attributes in _elements(html) if tag in ("input", "select", "textarea")]
    names = [attributes["name"] for attributes in fields if attributes["name"] != "q"]
    assert names == ([] if "This atlas has no rows" in html else [parameter.name for parameter in question.parameters])


@pytest.mark.parametrize("name", ["proteins", "protein"])
def test_a_form_holds_the_values_of_its_address(client: TestClient, name: str) -> None:
    html = client.get(f"/questions/sites_of?{name}=P04637&flank=3").text
    assert 'data-ready="yes"' in html
    values = {a["name"]: a.get("value") for tag, a in _elements(html) if tag == "input"}
    assert (values["proteins"], values["flank"]) == ("P04637", "3")


def test_bars_at_a_glance_are_the_numbers_of_their_questions(client: TestClient) -> None:
    answers = {panel.question: client.get(f"/api/v1/questions/{panel.question}").json() for panel in PANELS}
    html = client.get("/glance").text
    assert html == glance_html(answers)
    titles = re.findall(r"<title>(\d+) to \d+ residues: (\d+) sequences</title>", html)
    counted = {int(begin): int(n) for begin, n in titles if int(n)}
    assert counted == {
        row["from_length"]: row["n_sequences"] for row in answers["lengths"] if row["to_length"] is not None
    }


def test_without_sql_there_is_no_box(annotated_client: TestClient) -> None:
    assert annotated_client.get("/sql").status_code == 404
    assert "/sql" not in annotated_client.get("/").text


def test_an_error_is_a_page_for_people_and_a_problem_for_programs(client: TestClient) -> None:
    page = client.get("/protein/nobody", headers={"Accept": "text/html"})
    assert page.status_code == 404
    assert "nobody is not in this atlas." in page.text
    problem = client.get("/protein/nobody", headers={"Accept": "application/json"})
    assert problem.headers["content-type"] == "application/problem+json"


def test_static_files_are_served_and_not_sent_again(client: TestClient) -> None:
    for name in read_static_files():
        response = client.get(f"/static/{name}")
        assert response.status_code == 200
        again = client.get(f"/static/{name}", headers={"If-None-Match": response.headers["etag"]})
        assert again.status_code == 304


@pytest.mark.thorough
def test_the_report_is_made_once_and_then_kept(app: FastAPI) -> None:
    with TestClient(app, base_url="http://127.0.0.1") as client:
        response = client.get("/report")
        assert "is being made" in response.text
        while "is being made" in response.text:
            response = client.get("/report")
    assert "<svg" in response.text


def test_every_colour_of_the_pages_is_one_of_the_shared_ones() -> None:
    files = read_static_files()
    used = set(re.findall(rb"var\((--\w+)\)", files["pages.css"]))
    assert used <= set(re.findall(rb"(--\w+):", files["colours.css"]))
    assert not re.search(rb"#[0-9a-fA-F]{3,6}\b", files["pages.css"])


def test_the_folder_of_static_files_holds_what_is_served() -> None:
    folder = Path(__file__).resolve().parents[2] / "serve" / "static"
    assert {path.name for path in folder.iterdir()} == set(read_static_files()) - {"colours.css"}
