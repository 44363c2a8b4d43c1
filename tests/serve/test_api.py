"""The API answers what the command line answers: statuses, formats, ETags, batches, questions, exports, SQL."""

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.annotated import annotate
from helpers.command_line import Run
from helpers.handmade import hand, write_handmade
from helpers.range_server import serving
from helpers.reading_case import HOSTILE, PROTEINS
from starlette.testclient import TestClient

from attlas.queries import Atlas
from attlas.queries.answers.added_rows import read_added_rows
from attlas.queries.asking.questions import questions
from attlas.queries.exports.catalogue import EXPORTS
from attlas.queries.page.thinning import as_json
from attlas.schema import FEATURES
from attlas.serve.api.question_routes import RESERVED
from attlas.serve.app import make_app

pytestmark = pytest.mark.slow

API = "/api/v1"


def _md5(atlas: Atlas, accession: str) -> str:
    return str(atlas.protein(accession)["md5"][0])


@pytest.mark.parametrize("protein", PROTEINS[:11], ids=lambda protein: protein.accession)
def test_a_protein_is_what_show_prints_as_json(
    client: TestClient, attlas: Run, atlas_dir: Path, protein: object
) -> None:
    accession = protein.accession  # type: ignore[attr-defined]
    response = client.get(f"{API}/proteins/{quote(accession, safe='')}")
    assert response.status_code == 200
    assert [response.json()] == json.loads(attlas("show", "--json", atlas_dir, accession).out)


def test_the_layers_of_a_protein_are_those_of_show(client: TestClient, attlas: Run, atlas_dir: Path) -> None:
    response = client.get(f"{API}/proteins/P04637", params={"layers": "0-1"})
    assert [response.json()] == json.loads(attlas("show", "--json", "--layers", "0-1", atlas_dir, "P04637").out)


@pytest.mark.parametrize("id", ["P04637", "sp|P04637|P53_HUMAN", "UniProtKB:P04637", "AF-P04637-F1", "CALM1", "md5"])
def test_a_protein_is_looked_up_by_any_identifier(client: TestClient, atlas: Atlas, id: str) -> None:
    id = _md5(atlas, "P04637") if id == "md5" else id
    response = client.get(f"{API}/proteins/{quote(id, safe='')}/sites", params={"format": "csv"})
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert [int(row["position"]) for row in rows] == atlas.sites(id)["position"].to_pylist()


def test_a_digest_of_two_proteins_answers_for_both(client: TestClient, atlas: Atlas) -> None:
    md5 = _md5(atlas, "P0DP23")
    rows = client.get(f"{API}/proteins/{md5}/sites").json()
    assert {row["accession"] for row in rows} == {"P0DP23", "P0DP24"}
    assert client.get(f"{API}/proteins/{md5}").json()["candidates"] == ["P0DP23", "P0DP24"]


@pytest.mark.parametrize("table", ["sites", "residues", "heads"])
def test_arrow_and_parquet_hold_the_rows_and_the_docs_of_the_columns(
    client: TestClient, atlas: Atlas, table: str
) -> None:
    expected = getattr(atlas, table)("P04637")
    arrow = client.get(f"{API}/proteins/P04637/{table}", headers={"Accept": "application/vnd.apache.arrow.file"})
    assert arrow.headers["content-type"] == "application/vnd.apache.arrow.file"
    assert pa.ipc.open_file(arrow.content).read_all().equals(expected, check_metadata=True)
    parquet = client.get(f"{API}/proteins/P04637/{table}", params={"format": "parquet"})
    assert pq.read_table(io.BytesIO(parquet.content)).equals(expected)


@pytest.mark.thorough
def test_an_atlas_behind_a_url_is_served_to_many_at_once(atlas_dir: Path, atlas: Atlas) -> None:
    accessions = [protein.accession for protein in PROTEINS if protein.accession.startswith("X")]
    with serving(atlas_dir) as remote:
        app = make_app(remote.url)
        client = TestClient(app, base_url="http://127.0.0.1")
        with ThreadPoolExecutor(4) as threads:
            answers = list(threads.map(lambda id: client.get(f"{API}/proteins/{id}/sites").json(), accessions))
        app.state.service.close()
    assert [[row["position"] for row in rows] for rows in answers] == [
        atlas.sites(accession)["position"].to_pylist() for accession in accessions
    ]


def test_features_are_those_of_the_atlas_and_of_one_accession(
    annotated_client: TestClient, annotated_dir: Path
) -> None:
    response = annotated_client.get(f"{API}/proteins/A1/features")
    with Atlas.open(annotated_dir) as atlas:
        assert response.json() == atlas.features("A1").to_pylist()
        assert read_added_rows(atlas, FEATURES, "A1").to_pydict() == atlas.features("A1").to_pydict()
    assert [row["type"] for row in response.json()] == ["Motif", "Active site"]  # A2 has the same sequence


def test_the_data_of_a_page_are_those_that_it_is_made_from(client: TestClient, atlas: Atlas) -> None:
    response = client.get(f"{API}/proteins/UniProtKB:P04637/page")
    assert response.json() == json.loads(as_json(atlas.page("P04637").data))


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("proteins/nobody", 404),
        ("proteins/nobody/sites", 404),
        ("proteins/Q00003", 200),  # skipped
        ("proteins/Q00003/sites", 409),
        ("proteins/Q00004/heads", 409),  # failed
        ("proteins/Q00001/sites", 200),  # none found
        ("proteins/P04637/contacts", 404),  # not in this atlas
        ("proteins/P04637/nothing", 404),
        ("questions/nothing", 404),
        ("exports/nothing", 404),
        ("exports/pdb", 404),  # needs a structure
        ("exports/pymol", 422),  # of one protein
        ("nothing", 404),
        ("proteins?limit=0", 422),
        ("proteins?limit=many", 422),
        ("proteins?offset=-1", 422),
        ("proteins?fromat=csv", 422),
        ("proteins?limit=1&limit=2", 422),
        ("proteins/P04637?layers=99", 422),
        ("proteins/P04637?layers=0-999999999999", 422),
        ("questions/lengths?width=0", 422),
        ("questions/lengths?size=0", 422),
        ("questions/sites_of", 422),
        ("questions/feature_types", 409),  # no such rows in this atlas
    ],
)
def test_every_outcome_has_its_status(client: TestClient, path: str, status: int) -> None:
    response = client.get(f"{API}/{path}")
    assert response.status_code == status, response.text
    if status != 200:
        problem = response.json()
        assert response.headers["content-type"] == "application/problem+json"
        assert problem["status"] == status
        assert problem["detail"]
        assert {"type", "title", "expected", "found", "hint"} <= set(problem)


def test_a_protein_without_sites_has_none_and_a_skipped_one_its_reason(client: TestClient) -> None:
    assert client.get(f"{API}/proteins/Q00001/sites").json() == []
    skipped = client.get(f"{API}/proteins/Q00003").json()
    assert (skipped["outcome"], skipped["reason"], skipped["sites"]) == ("skipped", "inner `*`", None)
    assert "inner `*`" in client.get(f"{API}/proteins/Q00003/sites").json()["detail"]


def test_an_id_of_several_proteins_is_a_conflict_that_names_them(tmp_path: Path) -> None:
    write_handmade(tmp_path / "atlas", (hand("X1", "MKCAACGG", gene="SAME"), hand("X2", "MKCAACGGL", gene="SAME")))
    app = make_app(tmp_path / "atlas")
    response = TestClient(app, base_url="http://127.0.0.1").get(f"{API}/proteins/SAME")
    assert (response.status_code, response.json()["offenders"]) == (409, ["X1", "X2"])
    app.state.service.close()


def test_an_unknown_id_comes_with_similar_ones(client: TestClient) -> None:
    assert "P04637" in client.get(f"{API}/proteins/p04637-9").json()["hint"]


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "application/json"),
        ("text/html,application/xml;q=0.9,*/*;q=0.8", "application/json"),
        ("text/csv", "text/csv; charset=utf-8"),
        ("text/csv;q=0.5, application/json;q=0.4", "text/csv; charset=utf-8"),
        ("application/json;q=0, */*", "text/csv; charset=utf-8"),
        ("text/*", "text/csv; charset=utf-8"),
    ],
)
def test_the_format_is_the_one_that_the_client_likes_best(client: TestClient, accept: str, media_type: str) -> None:
    response = client.get(f"{API}/proteins/P04637/sites", headers={"Accept": accept})
    assert response.headers["content-type"] == media_type
    assert response.headers["vary"] == "Accept"


def test_a_client_that_takes_none_of_the_formats_is_told_them(client: TestClient) -> None:
    response = client.get(f"{API}/proteins/P04637/sites", headers={"Accept": "image/png"})
    assert response.status_code == 406
    assert "text/csv" in response.json()["expected"]


def test_arrow_is_sent_as_a_stream_to_who_takes_streams(client: TestClient, atlas: Atlas) -> None:
    media_type = "application/vnd.apache.arrow.stream"
    paths = {"proteins/P04637/sites": atlas.sites("P04637").num_rows, "questions/sites_of?proteins=P04637&limit=1": 1}
    for path, n_rows in paths.items():
        response = client.get(f"{API}/{path}", headers={"Accept": media_type})
        assert (response.status_code, response.headers["content-type"]) == (200, media_type)
        assert pa.ipc.open_stream(response.content).read_all().num_rows == n_rows


@pytest.mark.parametrize(
    "path",
    ["atlas", "columns", "proteins", "proteins/P04637", "proteins/P04637/sites", "questions", "questions/lengths",
     "exports", "exports/gff3"],
)  # fmt: skip
def test_an_unchanged_answer_is_not_sent_again(client: TestClient, path: str) -> None:
    answer = client.get(f"{API}/{path}")
    assert answer.headers["cache-control"] == "no-cache"
    again = client.get(f"{API}/{path}", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == answer.headers["etag"]
    assert client.get(f"{API}/{path}", headers={"If-None-Match": 'W/"0"'}).status_code == 200


def test_formats_and_parameters_have_etags_of_their_own(client: TestClient) -> None:
    urls = [f"{API}/questions/lengths", f"{API}/questions/lengths?format=csv", f"{API}/questions/lengths?width=10"]
    assert len({client.get(url).headers["etag"] for url in urls}) == 3


@pytest.mark.thorough
def test_annotating_changes_etags_and_answers_of_a_running_server(tmp_path: Path) -> None:
    root = tmp_path / "atlas"
    write_handmade(root)
    app = make_app(root)
    client = TestClient(app, base_url="http://127.0.0.1")
    before = client.get(f"{API}/proteins/A1/sites").headers["etag"]
    assert client.get(f"{API}/proteins/A1/features").status_code == 404
    assert client.get(f"{API}/questions/feature_types").status_code == 409

    annotate(root, [("A1", "Motif", 1, 2)])

    assert client.get(f"{API}/proteins/A1/sites").headers["etag"] != before
    assert [row["type"] for row in client.get(f"{API}/proteins/A1/features").json()] == ["Motif"]
    assert client.get(f"{API}/questions/feature_types").status_code == 200
    app.state.service.close()


def test_the_list_has_every_protein_once_page_by_page(client: TestClient, atlas: Atlas) -> None:
    url, accessions = f"{API}/proteins?limit=7", []
    while url:
        page = client.get(url).json()
        accessions += [protein["accession"] for protein in page["proteins"]]
        url = page["next"]
    assert accessions == sorted(accessions)
    assert len(accessions) == page["total"] == atlas.manifest.counts.n_requested


def test_the_list_as_csv_says_where_it_goes_on(client: TestClient) -> None:
    response = client.get(f"{API}/proteins?limit=2&format=csv")
    assert len(response.text.splitlines()) == 3
    assert response.headers["link"] == f'<{API}/proteins?limit=2&format=csv&offset=2>; rel="next"'


def test_proteins_are_searched_as_find_does_and_by_identifiers(client: TestClient, atlas: Atlas) -> None:
    answer = client.get(f"{API}/proteins", params={"q": "tumor antigen"}).json()
    assert [protein["accession"] for protein in answer["proteins"]] == atlas.find("tumor antigen")[
        "accession"
    ].to_pylist()
    by_md5 = client.get(f"{API}/proteins", params={"q": _md5(atlas, "P04637")}).json()["proteins"]
    assert [(protein["accession"], protein["fit"]) for protein in by_md5] == [("P04637", "identifier")]
    assert client.get(f"{API}/proteins", params={"q": "no such words"}).json()["total"] == 0


def test_each_id_of_a_batch_has_its_own_status(client: TestClient) -> None:
    ids = ["P04637", "nobody", "Q00001", "Q00003", "P04637"]
    answers = client.post(f"{API}/lookup", json={"ids": ids}).json()["answers"]
    assert [(answer["asked"], answer["status"]) for answer in answers] == [
        ("P04637", 200), ("nobody", 404), ("Q00001", 200), ("Q00003", 200)
    ]  # fmt: skip
    sites = [[protein["sites"] for protein in answer["proteins"]] for answer in answers]
    assert len(sites[0][0]) > 0
    assert sites[1:] == [[], [[]], [None]]


def test_a_batch_as_csv_is_what_show_prints(client: TestClient, attlas: Run, atlas_dir: Path) -> None:
    ids = ["P04637", "nobody", "Q00003"]
    response = client.post(f"{API}/lookup?format=csv", json={"ids": ids})
    assert response.text == attlas("show", "--format", "csv", atlas_dir, *ids).out


def test_a_batch_beyond_the_limit_is_refused(client: TestClient) -> None:
    response = client.post(f"{API}/lookup", json={"ids": ["a"] * 10_001})
    assert response.status_code == 413
    assert response.json()["expected"] == "at most 10,000 ids"


@pytest.mark.parametrize("format", ["json", "csv", "tsv"])
def test_a_question_is_answered_as_the_command_line_does(
    client: TestClient, attlas: Run, atlas_dir: Path, format: str
) -> None:
    response = client.get(f"{API}/questions/lengths", params={"width": "100", "format": format})
    assert response.text == attlas("ask", atlas_dir, "lengths", "width=100", "--format", format).out


def test_a_question_says_what_it_left_out_and_that_there_is_more(client: TestClient) -> None:
    response = client.get(f"{API}/questions/sites_of", params={"proteins": "P04637,Q00003", "limit": "1"})
    assert "Q00003 was not computed" in json.loads(response.headers["attlas-notes"])[0]
    assert response.headers["attlas-more-rows"] == "true"
    assert len(response.json()) == 1
    assert "attlas-more-rows" not in client.get(f"{API}/questions/sites_of?proteins=P04637").headers


def test_no_value_is_taken_for_a_file(client: TestClient, tmp_path: Path) -> None:
    file = tmp_path / "ids.txt"
    file.write_text("P04637\n")
    response = client.get(f"{API}/questions/sites_of", params={"proteins": f"@{file}"})
    assert response.status_code == 422
    assert "reads no files" in response.json()["detail"]
    alignment = client.get(f"{API}/questions/aligned_sites", params={"alignment": "/etc/passwd"})
    assert alignment.status_code == 422
    assert "root:" not in alignment.text


def test_links_come_with_how_many_there_are_of_how_many(annotated_client: TestClient, annotated_dir: Path) -> None:
    response = annotated_client.get(f"{API}/proteins/A1/links")
    assert [(row["i"], row["j"]) for row in response.json()] == [(1, 3), (2, 3)]
    with Atlas.open(annotated_dir) as atlas:
        n_edges = sum(atlas.heads("A1")["n_edges"].to_pylist())
    (note,) = json.loads(response.headers["attlas-notes"])
    assert note == f"A1: 2 links kept, beside {n_edges:,} edges"


def test_rows_of_a_protein_end_at_a_limit_and_say_that_there_are_more(client: TestClient, atlas: Atlas) -> None:
    positions = atlas.sites("P04637")["position"].to_pylist()
    response = client.get(f"{API}/proteins/P04637/sites?limit=2")
    assert [row["position"] for row in response.json()] == positions[:2]
    assert response.headers["attlas-more-rows"] == "true"
    whole = client.get(f"{API}/proteins/P04637/sites?limit={len(positions)}")
    assert len(whole.json()) == len(positions)
    assert "attlas-more-rows" not in whole.headers


def test_links_are_those_of_a_layer_and_a_head(annotated_client: TestClient) -> None:
    url = f"{API}/proteins/A1/links"
    ends = {
        query: [(row["i"], row["j"]) for row in annotated_client.get(f"{url}?{query}").json()]
        for query in ("layer=0", "layer=0&head=1", "head=0", "limit=1")
    }
    assert ends == {"layer=0": [(1, 3), (2, 3)], "layer=0&head=1": [(2, 3)], "head=0": [(1, 3)], "limit=1": [(1, 3)]}
    response = annotated_client.get(f"{url}?head=99")
    assert (response.status_code, response.json()["detail"]) == (422, "The model of this atlas has no head 99.")


def test_a_parameter_that_an_address_lacks_is_refused_by_the_address_that_was_asked(client: TestClient) -> None:
    problem = client.get(f"{API}/proteins/P04637/sites?layer=2").json()
    assert problem["detail"] == f"{API}/proteins/P04637/sites has no parameter layer."
    assert problem["expected"] == "format, limit"


@pytest.mark.parametrize(
    ("body", "place", "shown"),
    [
        ("{bad", "line 1, column 2: Expecting property name", "{bad"),
        ('{"query":\n "SELECT 1",}', "line 2, column ", '{"query":'),
        ("[" + "1," * 500 + "]", "line 1, column 1,00", "...1,1,"),
    ],
)
def test_a_body_that_is_no_json_is_shown_where_it_breaks(client: TestClient, body: str, place: str, shown: str) -> None:
    response = client.post(f"{API}/sql", content=body, headers={"Content-Type": "application/json"})
    problem = response.json()
    assert (response.status_code, problem["detail"]) == (400, "The body of this request is no JSON.")
    assert place in problem["expected"]
    assert problem["found"].startswith(shown[:20])


def test_an_alignment_is_posted_as_its_text(client: TestClient, atlas: Atlas) -> None:
    sequence = str(atlas.protein("P04637")["sequence"][0])
    body = {"question": "aligned_sites", "parameters": {"alignment": f">P04637\n{sequence}\n"}}
    response = client.post(f"{API}/ask", json=body)
    assert response.status_code == 200, response.text
    assert len(response.json()) > 0


def test_no_question_has_a_parameter_of_the_api(client: TestClient) -> None:
    names = {parameter.name for question in questions() for parameter in question.parameters}
    assert names.isdisjoint(RESERVED)
    assert [question["name"] for question in client.get(f"{API}/questions").json()] == [q.name for q in questions()]


@pytest.mark.parametrize("name", ["gff3", "csv", "jsonl", "coverage"])
def test_an_export_is_what_the_command_line_writes(client: TestClient, attlas: Run, atlas_dir: Path, name: str) -> None:
    response = client.get(f"{API}/exports/{name}")
    assert response.text == attlas("export", atlas_dir, name).out
    assert response.headers["content-disposition"] == f'attachment; filename="atlas{EXPORTS[name].suffix}"'


def test_an_export_of_one_protein_is_named_after_it(client: TestClient) -> None:
    response = client.get(f"{API}/exports/pymol", params={"ids": HOSTILE.accession.split(",")[0]})
    assert response.status_code == 404
    response = client.get(f"{API}/exports/pymol?ids=P04637")
    assert response.headers["content-disposition"] == 'attachment; filename="P04637.pml"'
    assert client.get(f"{API}/exports/gff3?ids=nobody").status_code == 404
    assert client.get(f"{API}/exports/gff3?layer=1").json()["detail"] == "gff3 has no links."
    assert client.get(f"{API}/exports/gff3?ids=nobody,P04637").status_code == 422


def test_sql_answers_as_the_command_line_does(client: TestClient, attlas: Run, atlas_dir: Path) -> None:
    query = "SELECT accession, length FROM proteins ORDER BY accession"
    response = client.post(f"{API}/sql?format=csv", json={"query": query})
    assert response.text == attlas("sql", atlas_dir, query, "--format", "csv").out


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM '/etc/passwd'",
        "COPY proteins TO '/tmp/x.csv'",
        "SELECT 1; SELECT 2",
        "DROP VIEW proteins",
        "SELECT",
    ],
)
def test_sql_that_does_more_than_read_the_atlas_is_refused(client: TestClient, query: str) -> None:
    response = client.post(f"{API}/sql", json={"query": query})
    assert response.status_code == 422
    assert response.json()["detail"]


def test_there_is_no_sql_unless_the_server_was_started_with_it(annotated_client: TestClient) -> None:
    assert annotated_client.post(f"{API}/sql", json={"query": "SELECT 1"}).status_code == 404
    assert f"{API}/sql" not in annotated_client.get(f"{API}/openapi.json").json()["paths"]
