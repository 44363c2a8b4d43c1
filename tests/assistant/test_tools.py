"""The tools of an assistant, called without a server: rows, sizes, and what is refused."""

import csv
import io
import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from helpers.annotated import link
from helpers.command_line import Run
from helpers.handmade import write_handmade

from attlas.assistant import exporting, questions
from attlas.assistant.arguments import MOST_BYTES
from attlas.assistant.exporting import MOST_CHARACTERS
from attlas.assistant.tools import TOOLS, call_tool
from attlas.queries import Atlas
from attlas.queries.exports import EXPORTS
from attlas.queries.exports.export import Export
from attlas.schema import QuestionError

pytestmark = pytest.mark.slow


def _call(atlas: Atlas, name: str, **arguments: Any) -> dict[str, Any]:
    return call_tool(atlas, name, arguments, timeout_s=20)


def _records(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [dict(zip(answer["columns"], row, strict=True)) for row in answer["rows"]]


def test_there_are_at_most_eight_tools_and_each_says_what_it_is_for() -> None:
    assert len(TOOLS) <= 8
    assert [tool.name for tool in TOOLS if len(tool.doc) < 150 or any(len(a.doc) < 15 for a in tool.arguments)] == []


def test_find_gives_what_the_atlas_finds(atlas: Atlas) -> None:
    answer = _call(atlas, "find", text="p53")
    assert _records(answer) == atlas.find("p53").to_pylist()
    assert (answer["n_total"], answer["next_offset"]) == (2, None)


def test_a_search_without_a_hit_says_what_to_try(atlas: Atlas) -> None:
    answer = _call(atlas, "find", text="P53_HUMANN")
    assert answer["rows"] == []
    assert "P53_HUMAN" in answer["notes"][0]


def test_a_protein_has_its_row_and_its_outcome(atlas: Atlas) -> None:
    (row,) = _records(_call(atlas, "protein", id="P04637"))
    stored = atlas.protein("P04637").to_pylist()[0]
    assert {name: row[name] for name in ("sequence", "md5", "layer", "n_sites")} == {
        name: stored[name] for name in ("sequence", "md5", "layer", "n_sites")
    }
    assert row["outcome"] == "sites found"
    assert row["features"] is None


def test_a_skipped_protein_is_no_error_and_has_its_reason(atlas: Atlas) -> None:
    (row,) = _records(_call(atlas, "protein", id="Q00003"))
    assert (row["outcome"], row["reason"]) == ("skipped", "inner `*`")
    (site,) = _records(_call(atlas, "sites", ids=["Q00003"]))
    assert (site["position"], site["note"]) == (None, "inner `*`")


def test_a_checksum_of_two_proteins_gives_both(atlas: Atlas) -> None:
    md5 = atlas.protein("P0DP23").to_pylist()[0]["md5"]
    assert [row["accession"] for row in _records(_call(atlas, "protein", id=md5))] == ["P0DP23", "P0DP24"]


def test_sites_are_those_of_the_atlas_and_their_sql_gives_them_again(atlas: Atlas) -> None:
    answer = _call(atlas, "sites", ids=["P04637", "P0DP23"])
    stored = [(s["accession"], s["position"]) for id in ("P04637", "P0DP23") for s in atlas.sites(id).to_pylist()]
    assert [(row["accession"], row["position"]) for row in _records(answer)] == stored
    again = _call(atlas, "sql", query=answer["made_by"]["sql"])
    assert again["rows_sha256"] == answer["rows_sha256"]


def test_links_of_an_atlas_without_them_are_an_error_with_the_command_that_adds_them(atlas: Atlas) -> None:
    with pytest.raises(QuestionError, match="needs links") as raised:
        _call(atlas, "links", id="P04637")
    assert "attlas links DIR" in str(raised.value)


def test_pages_put_together_are_the_whole_answer(atlas: Atlas) -> None:
    query = "SELECT accession, position, residue FROM residues ORDER BY accession, position"
    rows, offset = [], 0
    while offset is not None:
        answer = _call(atlas, "sql", query=query, offset=offset, limit=999)
        rows, offset = rows + answer["rows"], answer["next_offset"]
    assert rows == [list(row.values()) for row in atlas.sql(query).to_pylist()]
    assert answer["n_total"] == len(rows)


def test_a_row_that_is_too_large_is_refused_with_what_to_do(atlas: Atlas) -> None:
    with pytest.raises(QuestionError, match="Row 1 of this answer, counted from 0, is too large"):
        _call(atlas, "sql", query="SELECT 'a' UNION ALL SELECT repeat('x', 99999)", offset=1)


def test_questions_are_listed_described_and_asked(atlas: Atlas) -> None:
    listed = {row["name"]: row for row in _records(_call(atlas, "ask"))}
    assert listed["head_labels"]["missing"]
    described = _call(atlas, "ask", question="residue_enrichment", describe=True)
    assert any("one row per" in line for (line,) in described["rows"])
    answer = _call(atlas, "ask", question="lengths")
    assert _records(answer) == json.loads(json.dumps(atlas.ask("lengths").to_pylist()))


def test_the_command_of_an_answer_gives_its_rows(atlas: Atlas, atlas_dir: Path, attlas: Run) -> None:
    for tool, arguments in {
        "find": {"text": "p53"},
        "sites": {"ids": ["P04637", "P0DP23"], "flank": 2},
        "ask": {"question": "sites_on_residues", "parameters": {"residues": ["C", "W"]}},
    }.items():
        answer = _call(atlas, tool, **arguments)
        words = shlex.split(answer["made_by"]["command"])
        assert words[:3:2] == ["attlas", "DIR"]
        result = attlas(words[1], atlas_dir, *words[3:])
        assert result.code == 0, result.err
        assert json.loads(result.out) == _records(answer)


def test_an_alignment_is_an_object_of_ids_and_letters(atlas: Atlas) -> None:
    sequences = {id: atlas.protein(id)["sequence"][0].as_py() for id in ("P04637", "P04637-2")}
    aligned = {id: sequence.ljust(len(sequences["P04637"]), "-") for id, sequence in sequences.items()}
    answer = _call(atlas, "ask", question="aligned_sites", parameters={"alignment": aligned})
    expected = atlas.ask("aligned_sites", alignment=aligned).drop_columns("share").to_pylist()  # float32
    assert [{name: row[name] for name in expected[0]} for row in _records(answer)] == expected
    assert answer["made_by"]["command"] == "attlas ask DIR aligned_sites alignment=FILE --format json"


def test_sql_that_is_too_long_is_left_to_the_command(atlas: Atlas, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _call(atlas, "ask", question="lengths")["made_by"].keys() == {"sql", "command"}
    monkeypatch.setattr(questions, "MOST_SQL", 100)
    assert _call(atlas, "ask", question="lengths")["made_by"] == {"command": "attlas ask DIR lengths --format json"}


def test_tables_have_their_rows_counted_and_columns_their_units(atlas: Atlas) -> None:
    tables = {row["table"]: row["n_rows"] for row in _records(_call(atlas, "columns"))}
    assert tables["features"] == 0
    assert tables["sites"] > 0
    columns = {row["column"]: row for row in _records(_call(atlas, "columns", table="residues"))}
    assert "1-based" in columns["position"]["doc"]
    with pytest.raises(QuestionError, match="no table 'site'"):
        _call(atlas, "columns", table="site")


def test_pieces_of_an_export_are_the_export(atlas: Atlas, tmp_path) -> None:
    atlas.export("jsonl", tmp_path / "whole.jsonl")
    whole = (tmp_path / "whole.jsonl").read_text()
    assert len(whole) > MOST_CHARACTERS
    text, offset = "", 0
    while offset is not None:
        answer = _call(atlas, "export", format="jsonl", offset=offset)
        assert len(answer["rows"][0][0]) <= MOST_CHARACTERS
        text, offset = text + answer["rows"][0][0], answer["next_offset"]
    assert text == whole
    assert answer["n_total"] == len(whole)


def test_an_export_of_one_protein_is_read_back(atlas: Atlas) -> None:
    answer = _call(atlas, "export", format="csv", ids=["P04637"])
    positions = [int(row["position"]) for row in csv.DictReader(io.StringIO(answer["rows"][0][0]))]
    assert positions == atlas.sites("P04637")["position"].to_pylist()


@pytest.fixture
def linked_atlas(tmp_path: Path) -> Iterator[Atlas]:
    """Return a small atlas whose protein A1 has links of two heads."""
    write_handmade(tmp_path / "atlas")
    link(tmp_path / "atlas", {"A1": {(0, 0, 1, 9): 0.5, (0, 1, 9, 3): 0.4, (2, 1, 3, 10): 0.25}})
    with Atlas.open(tmp_path / "atlas") as atlas:
        yield atlas


def test_links_of_one_head_are_exported(linked_atlas: Atlas, tmp_path: Path, attlas: Run) -> None:
    answer = _call(linked_atlas, "export", format="bedpe", layer=0, head=1)
    lines = [line.split("\t") for line in answer["rows"][0][0].splitlines() if not line.startswith("#")]
    assert [(line[0], line[1], line[4], line[10], line[11]) for line in lines] == [
        (accession, "8", "2", "0", "1") for accession in ("A1", "A2")
    ]

    words = shlex.split(answer["made_by"]["command"])[1:]
    place = {"DIR": str(tmp_path / "atlas")}
    assert attlas(*(place.get(word, word) for word in words), "-o", tmp_path / "a.bedpe").code == 0
    assert (tmp_path / "a.bedpe").read_text() == answer["rows"][0][0]

    with pytest.raises(QuestionError, match="gff3 has no links"):
        _call(linked_atlas, "export", format="gff3", layer=0)
    with pytest.raises(QuestionError, match="A head is one of a layer"):
        _call(linked_atlas, "export", format="bedpe", head=0)


def test_every_piece_of_an_export_says_how_many_links_of_how_many_it_draws(
    linked_atlas: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _call(linked_atlas, "export", format="pymol-links", ids=["A1"])
    assert any("links: 3 of 3 kept" in note for note in whole["notes"])

    monkeypatch.setattr(exporting, "MOST_CHARACTERS", 100)
    piece = _call(linked_atlas, "export", format="pymol-links", ids=["A1"], offset=50)
    assert (piece["rows"], piece["next_offset"]) == ([[whole["rows"][0][0][50:150]]], 150)
    assert piece["notes"] == whole["notes"]
    assert piece["n_total"] == len(whole["rows"][0][0])


def test_only_writers_of_one_protein_or_of_pairs_have_notes_which_a_stopped_export_would_lose() -> None:
    writers_with_notes = {name for name, export in EXPORTS.items() if _returns_notes(export)}
    assert "pymol-links" in writers_with_notes
    assert writers_with_notes <= {name for name, export in EXPORTS.items() if export.is_of_one or export.takes_form}


def _returns_notes(export: Export) -> bool:
    return get_type_hints(export.write)["return"] is not type(None)


@pytest.mark.parametrize(("tool", "arguments"), [("sites", {"flank": 2}), ("export", {"format": "gff3"})])
def test_one_protein_is_named_by_id_as_in_other_tools_and_several_by_ids(
    atlas: Atlas, tool: str, arguments: dict
) -> None:
    answer = _call(atlas, tool, id="P04637", **arguments)
    assert answer["rows"] == _call(atlas, tool, ids=["P04637"], **arguments)["rows"]
    assert answer["arguments"]["id"] == "P04637"
    both = _call(atlas, tool, id="P04637", ids=["P0DP23", "P04637"], **arguments)
    assert both["rows"] == _call(atlas, tool, ids=["P04637", "P0DP23"], **arguments)["rows"]


@pytest.mark.parametrize("format", ["parquet", "duckdb", "molviewspec", "pdb"])
def test_an_export_that_is_no_text_or_needs_a_structure_is_refused(atlas: Atlas, format: str) -> None:
    with pytest.raises(QuestionError, match=r"is no text|is written onto a structure"):
        _call(atlas, "export", format=format, ids=["P04637"])


@pytest.mark.parametrize(
    ("tool", "arguments", "message"),
    [
        ("sqlite", {}, "There is no tool 'sqlite'"),
        ("sql", {}, "sql needs query"),
        ("sql", {"query": "  "}, "The value of query"),
        ("sql", {"query": "SELECT 1", "limit": 0}, "The value of limit"),
        ("sql", {"query": "SELECT 1", "limit": True}, "The value of limit"),
        ("sql", {"query": "SELECT 1", "offset": 1e3}, "The value of offset"),
        ("sql", {"query": "SELECT 1; SELECT 2"}, "one SELECT"),
        ("sql", {"query": "INSTALL httpfs"}, "one SELECT"),
        ("sql", {"query": "SELECT * FROM read_csv('/etc/passwd')"}, "cannot be answered"),
        ("sql", {"query": "WITH x AS (COPY proteins TO '/tmp/x') SELECT 1"}, "one SELECT|cannot be answered"),
        ("sql", {"query": "SELECT 1 AS a, 2 AS a"}, "needs a name for every column"),
        (
            "sql",
            {"query": rf"SELECT COLUMNS('(.*)') AS '{'x' * 999}\1' FROM proteins"},
            "too many columns to be returned",
        ),
        ("sites", {"ids": "P04637"}, "The value of ids"),
        ("sites", {"ids": ["P99999"]}, "not in this atlas"),
        ("sites", {"id": "P99999"}, "not in this atlas"),
        ("sites", {"flank": 2}, "sites needs id or ids"),
        ("protein", {"id": "P04637", "sequence": True}, "no argument 'sequence'"),
        ("export", {"format": "gff3", "output": "/tmp/x"}, "no argument 'output'"),
        ("export", {"format": "gff"}, "no format gff"),
        ("ask", {"question": "../../x.sql"}, "no question"),
        ("ask", {"question": "sites_of", "parameters": {"proteins": "@/etc/passwd"}}, "passwd is not in this atlas"),
        ("ask", {"question": "sites_of", "parameters": {"proteins": ["@/etc/passwd"]}}, "passwd is not in this atlas"),
        ("ask", {"question": "aligned_sites", "parameters": {"alignment": "/etc/passwd"}}, "read no files"),
        ("ask", {"question": "sites_of", "parameters": {"proteins": [["P04637"]]}}, "cannot be used"),
        ("ask", {"question": "sites_of", "parameters": {"proteins": {"a": 1}}}, "cannot be used"),
        ("find", {"text": "x" * MOST_BYTES}, "arguments of find are too large"),
    ],
)
def test_hostile_or_wrong_arguments_are_refused(atlas: Atlas, tool: str, arguments: dict, message: str) -> None:
    with pytest.raises(QuestionError, match=message):
        _call(atlas, tool, **arguments)
