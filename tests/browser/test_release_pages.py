"""A release as a website, in a real browser: any protein is found and its page drawn from range requests alone."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from helpers.browser import axe_violations
from helpers.divided import dividing
from helpers.footer_case import cutting_proteins, reading_by_parts
from helpers.page_case import write_page_case
from helpers.range_server import Server, serving
from helpers.reading_case import random_sequence
from helpers.synthetic import SyntheticProtein
from helpers.table_files import add_rows

from attlas.queries import Atlas
from attlas.queries.answers.one_id import answer_id
from attlas.queries.answers.shortest_decimals import shortest_float
from attlas.queries.page.protein_data import protein_data
from attlas.queries.release import Statement, publish, tables
from attlas.schema import MEMBERS, PROTEINS
from attlas.schema.letter_case import fold_case

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

TIMEOUT_MS = 30_000
OTHERS = [SyntheticProtein(f"Y{i:05d}", random_sequence(30 + 7 * i, 500 + i)) for i in range(30)]
OTHERS.append(SyntheticProtein("Y00030", random_sequence(240, 530), gene="ᎠıẞA", description="Straẞe of ꭱı"))
"""Proteins beside those of the small atlas, more than fifty with them."""
IS_DONE = "html[data-idle]"
"""The policy of the page lets nobody evaluate a text, so that tests wait for elements."""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("release")
    write_page_case(folder / "atlas", others=OTHERS)
    _add_members(folder / "atlas")
    publish(folder / "atlas", folder / "release", Statement(title="Tests <b>&"), has_pages=True)
    return folder / "release"


def _add_members(root: Path) -> None:
    """Add members in several row groups and files, of the lower-case letters that sort behind all capitals, too."""
    rows = [{"member": f"M{i:04d}", "accession": f"Y{i % 30:05d}"} for i in range(1_000)]
    rows += [{"member": "Q9MEM1", "accession": "P04637"}, {"member": "Q9MEM2", "accession": "P0DP23"}]
    rows += [{"member": "Q9MEM2", "accession": "P0DP24"}, {"member": "lower", "accession": "Y00001"}]
    for name, part in (("one", rows[:600]), ("two", rows[600:])):
        add_rows(root, MEMBERS, part, name)


@pytest.fixture(scope="module")
def server(release: Path) -> Iterator[Server]:
    with serving(release) as running:
        yield running


@pytest.fixture
def page(browser: "Browser", server: Server) -> Iterator["Page"]:
    server.behave()
    context = browser.new_context()
    opened = context.new_page()
    opened.problems = []  # type: ignore[attr-defined]
    opened.on("pageerror", lambda error: opened.problems.append(str(error)))  # type: ignore[attr-defined]
    opened.on(
        "console",
        lambda message: opened.problems.append(message.text) if message.type == "error" else None,  # type: ignore[attr-defined]
    )
    yield opened
    context.close()


def wait_for(page: "Page", selector: str) -> None:
    page.locator(selector).wait_for(state="attached", timeout=TIMEOUT_MS)


def shown(page: "Page", server: Server, query: str) -> str:
    """Open the page with a query and return the accession of the protein that it shows."""
    page.goto(f"{server.url}/index.html?{query}")
    wait_for(page, IS_DONE)
    return str(page.evaluate("document.documentElement.dataset.shown"))


def status(page: "Page", server: Server, query: str) -> str:
    page.goto(f"{server.url}/index.html?{query}")
    wait_for(page, IS_DONE)
    return page.inner_text("#release-status")


def pasted_accession(text: str) -> str:
    """Return the accession in a text that may be pasted from a FASTA header."""
    return text.split("|")[1] if "|" in text else text


def without_thinning(value: object) -> object:
    return json.loads(json.dumps(value, allow_nan=False))


def test_the_browser_makes_the_same_data_as_python_for_every_protein(
    page: "Page", server: Server, release: Path
) -> None:
    page.goto(f"{server.url}/index.html")
    with Atlas.open(release) as atlas:
        for accession in atlas.sql("SELECT accession FROM proteins ORDER BY accession")["accession"].to_pylist():
            made = page.evaluate("accession => attlas.gatherData(attlas.release, accession)", accession)
            expected = without_thinning(protein_data(atlas, accession, max_bytes=None))
            assert list(made) == list(expected)
            for name in made:
                assert made[name] == expected[name], (accession, name)

            (answer,) = (a for a in answer_id(atlas, accession) if a.protein.accession == accession)
            answered = without_thinning(answer.to_json(atlas.manifest))
            for name in ("protein", "sites", "features", "families", "provenance"):
                assert made[name] == answered[name], (accession, name)
    assert page.problems == []  # type: ignore[attr-defined]


def test_the_browser_reads_a_divided_list_of_files_part_by_part(browser: "Browser", tmp_path: Path) -> None:
    write_page_case(tmp_path / "atlas", others=OTHERS)
    with dividing(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "FILE_BYTES", 1)  # no file is joined to another
        publish(tmp_path / "atlas", tmp_path / "release", Statement(title="T"), has_pages=True)
    with serving(tmp_path / "release") as server, Atlas.open(tmp_path / "release") as atlas:
        page = browser.new_page()
        page.goto(f"{server.url}/index.html")
        for accession in ("P04637", "P0DP23", "Q00002", "Q00003"):
            made = page.evaluate("accession => attlas.gatherData(attlas.release, accession)", accession)
            assert made == without_thinning(protein_data(atlas, accession, max_bytes=None))
        read = [path for path, _ in server.requests if path.startswith("manifest/")]
        page.close()
    assert {path.partition("-")[0] for path in read} == {
        f"manifest/{table}" for table in ("sites", "residues", "heads", "tracks")
    }
    assert len(read) == len(set(read))


def test_of_a_large_proteins_the_browser_reads_neither_the_footer_nor_other_row_groups(
    browser: "Browser", tmp_path: Path
) -> None:
    """More than 131,072 proteins, at a smaller scale: 50 row groups of one protein."""
    with cutting_proteins(1):
        write_page_case(tmp_path / "atlas", others=OTHERS)
    with reading_by_parts():
        publish(tmp_path / "atlas", tmp_path / "release", Statement(title="T"), has_pages=True)
    with serving(tmp_path / "release") as server, Atlas.open(tmp_path / "release") as atlas:
        page = browser.new_page()
        page.goto(f"{server.url}/index.html")
        for accession in ("P04637", "P0DP23", "Q00002", "Q00003", "Y00029"):
            made = page.evaluate("accession => attlas.gatherData(attlas.release, accession)", accession)
            assert made == without_thinning(protein_data(atlas, accession, max_bytes=None))
        for text in ("CALM2_HUMAN", "TP53", "human", "calmod"):
            hits = page.evaluate("async (text) => (await attlas.findProteins(attlas.release, text)).hits", text)
            assert [hit["accession"] for hit in hits] == [hit.accession for hit in atlas.search(text).hits]

        (file,) = atlas.manifest.of_table(PROTEINS)
        assert max(n for path, n in server.requests if path == file.path) < file.tail_bytes / 4
        page.close()


def test_numbers_are_those_of_python(page: "Page", server: Server) -> None:
    """Shortest decimals of float32, ties of rounding included, bits of float16, and thousandths."""
    singles = np.random.default_rng(1).integers(0, 2**32, 20_000, dtype=np.uint32).view(np.float32)
    ties = np.float32([2.0**-12, 3.8125, 1.0625, 0.00390625, 1e-45, 0.1, 2.5, -(2.0**-12), 0.0])
    values = [float(value) for value in (*singles, *ties) if np.isfinite(value) and not float(value).is_integer()]
    page.goto(f"{server.url}/index.html")
    assert page.evaluate("values => values.map(attlas.shortestNumber)", values) == list(map(shortest_float, values))

    halves = np.arange(2**16, dtype=np.uint16)
    halves = halves[np.isfinite(halves.view(np.float16))]
    numbers = halves.view(np.float16).astype(float).tolist()
    assert page.evaluate("values => values.map(attlas.halfBits)", numbers) == halves.tolist()

    places = [float(np.float32(value)) for value in (*np.linspace(-99, 99, 999), 0.0625, -0.0625, 12.0625, 0.1875)]
    assert page.evaluate("values => values.map(attlas.toThousandths)", places) == [f"{value:.3f}" for value in places]


@pytest.mark.parametrize(
    ("text", "accession"),
    [
        ("P04637", "P04637"),
        ("sp|P0DP23|CALM1_HUMAN", "P0DP23"),
        ("AF-P0DP24-F1-model_v4.cif", "P0DP24"),
        ("CALM2_HUMAN", "P0DP24"),
        ("P53_HUMAN", "P04637"),
        ("NONE1", "Q00001"),
        ("isoform p53", "P04637-2"),
    ],
)
def test_an_id_or_the_words_of_a_name_open_the_page_of_the_protein(
    page: "Page", server: Server, text: str, accession: str
) -> None:
    from urllib.parse import quote

    assert shown(page, server, f"find={quote(text)}") == accession
    assert page.url.endswith(f"?protein={accession}")
    assert page.problems == []  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "text",
    [
        *("protein", "calmod", "human", "isoform", "tumor antigen", "P0D", "lmod", "nothing"),
        *("ꭰıssa", "Ꭱı", "STRASSE", "strase", "Ꭱi"),
    ],
)
def test_words_find_what_python_finds(page: "Page", server: Server, release: Path, text: str) -> None:
    page.goto(f"{server.url}/index.html")
    answer = page.evaluate("text => attlas.findProteins(attlas.release, text)", text)
    with Atlas.open(release) as atlas:
        expected = [(hit.accession, hit.fit) for hit in atlas.search(text).hits]
    assert [(hit["accession"], hit["fit"]) for hit in answer["hits"]] == expected
    assert answer["isComplete"]


def test_every_code_point_folds_as_in_python(page: "Page", server: Server) -> None:
    page.goto(f"{server.url}/index.html")
    text = "\n".join(chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)
    assert page.evaluate("text => attlas.release.foldCase(text)", text) == fold_case(text)


@pytest.mark.parametrize("member", ["M0000", "M0599", "M0600", "Q9MEM1", "tr|Q9MEM1|ANY_NAME", "lower"])
def test_a_member_finds_the_protein_that_stands_for_its_cluster_and_says_so(
    page: "Page", server: Server, release: Path, member: str
) -> None:
    with Atlas.open(release) as atlas:
        (hit,) = atlas.search(member).hits
    line = f"{pasted_accession(member)} is a member of {hit.accession}, which another protein stands for."
    assert status(page, server, f"protein={member}") == f"“{member}”: {line}"
    assert page.locator("#release-hits li").all_inner_texts()[0].endswith("(member of the cluster)")
    page.click("#release-hits a")
    wait_for(page, f"html[data-shown={hit.accession}]")
    assert page.problems == []  # type: ignore[attr-defined]


def test_a_member_of_two_clusters_lists_both_and_no_part_of_a_member_is_one(page: "Page", server: Server) -> None:
    assert "Q9MEM2 is a member of 2 clusters" in status(page, server, "find=Q9MEM2")
    assert page.locator("#release-hits a").all_inner_texts() == ["P0DP23", "P0DP24"]
    for text in ("Q9MEM", "q9mem1", "Q9MEM11"):
        assert status(page, server, f"find={text}").startswith("No protein of this release fits")


def test_a_sequence_of_two_proteins_is_found_by_its_md5(page: "Page", server: Server, release: Path) -> None:
    with Atlas.open(release) as atlas:
        md5 = atlas.protein("P0DP23")["md5"][0].as_py()
    assert status(page, server, f"find={md5}") == "2 proteins fit “" + md5 + "”."
    assert page.locator("#release-hits a").all_inner_texts() == ["P0DP23", "P0DP24"]
    page.click("#release-hits a >> nth=1")
    wait_for(page, "html[data-shown=P0DP24]")


def test_an_ambiguous_gene_and_an_unknown_name_are_answered_in_words(page: "Page", server: Server) -> None:
    assert status(page, server, "find=TP53").startswith("2 proteins fit")
    assert status(page, server, "find=nobody").startswith("No protein of this release fits “nobody”")


def test_typing_into_the_box_finds(page: "Page", server: Server) -> None:
    page.goto(f"{server.url}/index.html")
    page.fill("#release-text", "CALM1")
    page.keyboard.press("Enter")
    wait_for(page, "html[data-shown=P0DP23]")
    assert f"attlas show {server.url}/ P0DP23" in (page.text_content("#release-commands") or "")


def test_hostile_names_are_text_on_the_list(page: "Page", server: Server) -> None:
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    assert status(page, server, "find=evi").startswith("1 protein fits")
    assert "onerror=alert(1)" in page.inner_text("#release-hits")
    page.goto(f"{server.url}/index.html?find=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E")
    assert page.locator("#release img").count() == 0
    assert page.problems == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("query", ["", "find=human", "find=nobody", "protein=P0DP23"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(browser: "Browser", server: Server, query: str, scheme: str) -> None:
    server.behave()
    context = browser.new_context(color_scheme=scheme)
    opened = context.new_page()
    opened.goto(f"{server.url}/index.html?{query}")
    if query:
        wait_for(opened, IS_DONE)
    assert axe_violations(opened) == []
    context.close()


def test_a_host_without_ranges_is_told_apart_with_what_to_do(page: "Page", server: Server) -> None:
    server.fault = "no ranges"
    page.goto(f"{server.url}/index.html?protein=P04637")
    wait_for(page, "html[data-fault]")
    text = page.inner_text("#release-status")
    assert "does not answer range requests" in text
    assert "attlas page FOLDER PROTEIN" in text


@pytest.mark.parametrize(("fault", "words"), [("cut", "the host broke off"), ("refused", "the host answered 403")])
def test_a_host_that_fails_is_told_with_the_file(page: "Page", server: Server, fault: str, words: str) -> None:
    page.goto(f"{server.url}/index.html")
    server.fault = fault
    page.evaluate("attlas.gatherData(attlas.release, 'P04637').catch((f) => { globalThis.caught = f; })")
    assert page.evaluate("caught instanceof attlas.HostFault")
    assert words in page.evaluate("caught.message")
    assert "names/names-00001-of-00001.parquet" in page.evaluate("caught.message")


def test_a_page_opened_as_a_file_says_what_to_do(page: "Page", release: Path) -> None:
    page.goto(f"file://{release}/index.html?protein=P04637")
    wait_for(page, "html[data-fault]")
    assert "attlas serve FOLDER" in page.inner_text("#release-status")


def test_nothing_is_asked_of_any_other_host(browser: "Browser", server: Server) -> None:
    server.behave()
    context = browser.new_context()
    page = context.new_page()
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    page.goto(f"{server.url}/index.html?protein=P04637")
    wait_for(page, "html[data-shown]")
    context.close()
    assert [url for url in urls if not url.startswith((server.url, "data:", "blob:"))] == []
    assert any(path.startswith("residues/") for path, _ in server.requests)
