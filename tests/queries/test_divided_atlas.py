"""An atlas whose list of files is divided answers as it did before, and reads no more of the list than it needs."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from helpers.command_line import Run
from helpers.default_cases import each_nth_by_default
from helpers.divided import copy_divided, divide_atlas, dividing
from helpers.range_server import Server, serving
from helpers.reading_case import PROTEINS
from helpers.sealed_atlas import list_problems, read_manifest

from attlas.queries import Atlas
from attlas.queries.page.release_page import release_facts
from attlas.queries.release import Statement, publish, tables
from attlas.schema import HEADS, RESIDUES, SITES, BrokenAtlasError

pytestmark = pytest.mark.slow

COMPUTED = [p.accession for p in PROTEINS if p.status == "ok"]
QUERIES = (
    "SELECT count(*) AS n FROM sites",
    "SELECT layer, head, avg(entropy) AS e FROM heads GROUP BY ALL ORDER BY ALL",
    "SELECT * FROM residues WHERE accession = 'P0DP24' ORDER BY position",
    "SELECT * FROM sites WHERE sequence_id IN (3, 9) ORDER BY ALL",
    "SELECT s.accession, count(*) AS n FROM SITES AS s JOIN heads AS h USING (accession) GROUP BY ALL ORDER BY ALL",
    'SELECT max(n) AS n FROM (SELECT count(*) AS n FROM "sites" GROUP BY accession)',
    "FROM docs",
    "SELECT name FROM (SHOW TABLES) ORDER BY name",
    *(
        pytest.param(query, marks=pytest.mark.thorough)  # they make every function, too
        for query in (
            "SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY ALL",
            "SELECT table_name, column_name FROM information_schema.columns ORDER BY ALL",
            "SELECT name FROM sqlite_master ORDER BY name",
        )
    ),
)


@pytest.fixture(scope="module")
def divided_dir(atlas_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the small atlas, of each table with several files two of them in a part."""
    return copy_divided(atlas_dir, tmp_path_factory.mktemp("divided") / "atlas")


@pytest.fixture(scope="module")
def divided(divided_dir: Path) -> Iterator[Atlas]:
    with Atlas.open(divided_dir) as opened:
        yield opened


@pytest.fixture(scope="module")
def server(divided_dir: Path) -> Iterator[Server]:
    with serving(divided_dir) as running:
        yield running


def list_parts_read(server: Server) -> list[str]:
    return [path for path, _ in server.requests if path.startswith("manifest/")]


@pytest.mark.parametrize("accession", COMPUTED[:6])
def test_lookups_answer_as_those_of_one_list(divided: Atlas, atlas: Atlas, accession: str) -> None:
    assert divided.protein(accession).equals(atlas.protein(accession))
    for table in (SITES, RESIDUES, HEADS):
        assert getattr(divided, table.name)(accession).equals(getattr(atlas, table.name)(accession))


@pytest.mark.parametrize("query", QUERIES)
def test_queries_answer_as_those_of_one_list(divided_dir: Path, atlas: Atlas, query: str) -> None:
    with Atlas.open(divided_dir) as divided:  # anew: no view is there yet
        assert divided.sql(query).equals(atlas.sql(query))


@pytest.mark.thorough
def test_a_question_that_calls_functions_answers_as_that_of_one_list(divided_dir: Path, atlas: Atlas) -> None:
    with Atlas.open(divided_dir) as divided:
        assert divided.ask("residue_enrichment").equals(atlas.ask("residue_enrichment"))


def test_many_proteins_are_looked_up_at_once(divided: Atlas, atlas: Atlas) -> None:
    ids = range(0, 20, 3)
    rows, places = divided.rows_of_sequences(SITES, ids, ["position", "rank"])
    expected_rows, expected_places = atlas.rows_of_sequences(SITES, ids, ["position", "rank"])
    assert rows.equals(expected_rows)
    assert places == expected_places


def test_names_and_words_are_found_where_every_table_is_listed_in_parts(
    atlas_dir: Path, atlas: Atlas, tmp_path: Path
) -> None:
    shutil.copytree(atlas_dir, tmp_path / "atlas")
    assert divide_atlas(tmp_path / "atlas", few_listed=0).files.listed == ()
    with Atlas.open(tmp_path / "atlas") as divided:
        for id in ("P04637", "CALM1_HUMAN", "calm2", "nobody", "P0463"):
            assert divided.match(id) == atlas.match(id)
        assert divided.find("tumor p53").equals(atlas.find("tumor p53"))
        assert divided.protein("P04637").equals(atlas.protein("P04637"))


def test_a_lookup_by_url_reads_one_part_of_the_list(server: Server, atlas: Atlas) -> None:
    server.behave()
    with Atlas.open(server.url) as far:
        assert [path for path, _ in server.requests] == ["manifest.json"]
        assert far.sites("P0DP23").equals(atlas.sites("P0DP23"))
        assert len(list_parts_read(server)) == 1
        far.sites("P0DP23")
        far.sites("P0DP24")
        assert len(list_parts_read(server)) == 1


def test_a_query_about_a_protein_by_url_reads_one_part(server: Server, atlas: Atlas) -> None:
    server.behave()
    query = "SELECT position, rank FROM sites WHERE accession = 'P04637' ORDER BY rank"
    with pytest.MonkeyPatch.context() as patch, Atlas.open(server.url) as far:
        patch.setattr("attlas.queries.engine.file_views.FEW_FILES", 2)
        assert far.sql(query).equals(atlas.sql(query))
        assert len(list_parts_read(server)) == 1


@pytest.mark.parametrize("query", each_nth_by_default(QUERIES[:8], 3))
def test_queries_by_url_read_the_parts_of_the_tables_they_name(server: Server, atlas: Atlas, query: str) -> None:
    server.behave()
    with Atlas.open(server.url) as far:
        assert far.sql(query).equals(atlas.sql(query))
        parts = {path.partition("-")[0].rpartition("/")[2] for path in list_parts_read(server)}
        assert parts == {
            table for table in ("heads", "residues", "sequences", "sites") if "SHOW" in query or table in query.lower()
        }


def test_a_damaged_part_by_url_is_named_by_lookups_and_by_verify(
    attlas: Run, divided_dir: Path, divided: Atlas, tmp_path: Path
) -> None:
    root = tmp_path / "atlas"
    shutil.copytree(divided_dir, root)
    part = read_manifest(root).of_table(SITES).parts[0]
    query = "SELECT min(accession) AS accession FROM proteins WHERE sequence_id = ?"
    accession = divided.sql(query, [part.first_sequence_id])["accession"][0].as_py()
    data = (root / part.path).read_bytes()
    (root / part.path).write_bytes(data[:-2] + b" \n")
    with serving(root) as server:
        with (
            Atlas.open(server.url) as far,
            pytest.raises(BrokenAtlasError, match=rf"{part.path} is not as manifest\.json says"),
        ):
            far.sites(accession)
        done = attlas("verify", server.url, "--json")
    assert done.code == 1
    (problem,) = json.loads(done.out)["problems"]
    assert problem.startswith(f"{part.path}: ")


def test_verify_reads_a_divided_atlas_by_path_and_by_url(
    attlas: Run, divided_dir: Path, atlas: Atlas, server: Server
) -> None:
    server.behave()
    for place in (divided_dir, server.url):
        done = attlas("verify", place)
        assert done.code == 0
        assert f"whole; {len(atlas.manifest.files)} files" in done.out


@pytest.mark.thorough
def test_a_release_of_a_divided_atlas_is_divided_named_and_whole(divided_dir: Path, tmp_path: Path) -> None:
    with dividing(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "FILE_BYTES", 1)  # no file is joined to another
        released = publish(divided_dir, tmp_path / "release", Statement(title="T"), has_pages=True)
    root = tmp_path / "release"
    assert released.manifest.files.parts
    assert len(list(released.manifest.files)) == len(released.manifest.files) >= 14
    assert list_problems(root) == []

    sums = (root / "SHA256SUMS").read_text()
    described = {file["name"]: file for file in json.loads((root / "croissant.json").read_text())["distribution"]}
    for part in released.manifest.files.parts:
        assert f"{part.sha256}  {part.path}\n" in sums
        assert described[part.path]["sha256"] == part.sha256
    with Atlas.open(root) as release:
        facts = release_facts(release, title="T")["tables"]["sites"]
    assert [part["path"] for part in facts["parts"]] == [part.path for part in released.manifest.of_table(SITES).parts]


@pytest.mark.thorough
def test_a_divided_atlas_is_exported_to_duckdb(divided: Atlas, atlas: Atlas, tmp_path: Path) -> None:
    counts = []
    for opened in (divided, atlas):
        path = tmp_path / f"{len(counts)}.duckdb"
        opened.export("duckdb", path)
        with duckdb.connect(str(path), read_only=True) as connection:
            counts.append(connection.execute("SELECT count(*), sum(received) FROM sites").fetchall())
    assert counts[0] == counts[1]


@pytest.mark.thorough
def test_parts_of_a_divided_atlas_are_asked_at_once(attlas: Run, divided_dir: Path, atlas_dir: Path) -> None:
    answers = [attlas("ask", place, "residue_enrichment", "--workers", 2) for place in (divided_dir, atlas_dir)]
    assert answers[0].code == 0
    assert answers[0].out == answers[1].out
