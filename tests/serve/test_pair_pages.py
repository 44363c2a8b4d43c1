"""Pairs on the server: the list of a protein's pairs, the page of one as the command writes it, exports in one form."""

import re
from collections.abc import Iterator
from html import escape, unescape
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from attlas.queries import Atlas
from attlas.serve.app import make_app

pytestmark = pytest.mark.slow

EXPORT = "/api/v1/exports/cytoscape"


@pytest.fixture(scope="module")
def pair_client(pair_atlas: tuple[Path, dict[str, str]]) -> Iterator[TestClient]:
    application = make_app(pair_atlas[0])
    yield TestClient(application, base_url="http://127.0.0.1", raise_server_exceptions=False)
    application.state.service.close()


@pytest.mark.thorough
def test_the_page_of_a_protein_leads_to_its_pairs_and_they_to_their_pages(pair_client: TestClient) -> None:
    assert '<a href="/pairs?id=P0">Pairs</a>' in pair_client.get("/protein/P0").text
    html = unescape(pair_client.get("/pairs?id=P0").text)
    links = re.findall(r'href="(/pair\?[^"]+)"', html)
    assert links == [f"/pair?id=P0&partner=P1&form={form}" for form in ("gap", "linker")]
    assert [pair_client.get(link).status_code for link in links] == [200, 200]


@pytest.mark.thorough
def test_the_list_has_the_attention_of_the_last_layer(
    pair_client: TestClient, pair_atlas: tuple[Path, dict[str, str]]
) -> None:
    with Atlas.open(pair_atlas[0]) as atlas:
        rows = atlas.ask("pair_summary", proteins="P1", layers=1).to_pylist()
    cells = re.findall(r'<td class="number">([\d.]+)</td>', pair_client.get("/pairs?id=P1").text)
    assert cells == [f"{row[name]:.3f}" for row in rows for name in ("across", "across_evenly")]
    assert "No pair with this protein was computed" in pair_client.get("/pairs?id=P3").text


def test_the_page_of_a_pair_is_that_of_the_command_with_navigation_and_the_place(
    pair_client: TestClient, pair_atlas: tuple[Path, dict[str, str]]
) -> None:
    response = pair_client.get("/pair?id=P1&partner=P0&form=linker")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    place = f'<meta name="attlas-place" content="{escape(str(pair_atlas[0]))}">\n'
    navigation = re.compile(r"\n<style>nav.served.*?</nav>", re.DOTALL)
    with Atlas.open(pair_atlas[0]) as atlas:
        alone = atlas.pair_page("P1", "P0", form="linker").html
    assert place in response.text
    assert '<a href="/protein/P0">P0</a>' in response.text
    assert navigation.sub("", response.text.replace(place, "")) == alone

    # The policy of the response allows what that of the page does.
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', alone)
    assert policy is not None
    assert response.headers["content-security-policy"] == f"{policy[1]}; frame-ancestors 'none'"
    again = pair_client.get(response.url, headers={"If-None-Match": response.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/pair?id=P0&partner=P3", "P0 and P3 are no pair of this atlas."),
        ("/pair?id=P2&partner=P3", "The pair of P2 and P3 was not computed."),
        ("/pair?id=P0&partner=P1&form=ends", "The pair of P0 and P1 was not joined in the form ends."),
        ("/pair?id=P0&partner=nobody", "nobody is not in this atlas."),
        ("/pairs?id=nobody", "nobody is not in this atlas."),
    ],
)
def test_what_is_no_pair_is_not_found(pair_client: TestClient, path: str, detail: str) -> None:
    response = pair_client.get(path, headers={"Accept": "application/json"})
    assert (response.status_code, response.json()["detail"]) == (404, detail)


def test_an_atlas_without_pairs_names_the_command_and_links_to_none(annotated_client: TestClient) -> None:
    response = annotated_client.get("/pairs?id=A1", headers={"Accept": "application/json"})
    assert response.status_code == 404
    assert "attlas pairs" in response.json()["hint"]
    assert "/pairs" not in annotated_client.get("/protein/A1").text


@pytest.mark.thorough
def test_a_network_of_one_form_can_be_asked_for(pair_client: TestClient) -> None:
    lines = pair_client.get(f"{EXPORT}?form=gap").text.splitlines()
    place = lines[0].split(",").index("form")
    assert {line.split(",")[place] for line in lines[1:]} == {"gap"}
    assert len(pair_client.get(EXPORT).text.splitlines()) > len(lines)
    assert "gap, linker" in str(pair_client.get(f"{EXPORT}?form=ends").json())
