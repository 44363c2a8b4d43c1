"""The verb show at its edges: files of ids, tables, unmatched ids, terminals without our signs, hostile ids."""

import csv
import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
from helpers.reading_case import HOSTILE, PROTEINS

from attlas.queries import Atlas
from attlas.queries.answers.many_ids import TEXT_COLUMNS
from attlas.queries.cards.tracks import COLOURED

pytestmark = pytest.mark.slow

Command = Callable[..., "object"]
SHOW = [sys.executable, "-m", "attlas.cli.main", "show"]


def lookup(atlas_dir: Path, ids: list[str]) -> list[dict]:
    with Atlas.open(atlas_dir) as atlas:
        return atlas.lookup(ids).to_pylist()


@pytest.fixture
def ids_file(tmp_path: Path) -> Path:
    path = tmp_path / "ids.txt"
    path.write_text("P0DP23\nQ00001\nQ00003\nQ00004\nP53_HUMAN\n")
    return path


def test_a_file_of_ids_gives_a_table_with_every_id(attlas: Command, atlas_dir: Path, ids_file: Path) -> None:
    done = attlas("show", atlas_dir, "--ids", ids_file, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert (done.code, done.err) == (0, "")
    assert [row["asked"] for row in rows] == ["P0DP23"] * 3 + ["Q00001", "Q00003", "Q00004"] + ["P53_HUMAN"] * 3
    expected = lookup(atlas_dir, ["P0DP23", "Q00001", "Q00003", "Q00004", "P53_HUMAN"])
    for row, same in zip(rows, expected, strict=True):
        assert list(row) == list(same)
        assert (row["outcome"], row["reason"]) == (same["outcome"], same["reason"] or "")
        assert row["position"] == ("" if same["position"] is None else str(same["position"]))


@pytest.mark.parametrize("format", ["tsv", "json", "parquet", "arrow"])
def test_every_format_has_every_row(
    attlas: Command, atlas_dir: Path, ids_file: Path, tmp_path: Path, format: str
) -> None:
    path = tmp_path / f"sites.{format}"
    assert attlas("show", atlas_dir, "--ids", ids_file, "-o", path).code == 0
    read = {
        "tsv": lambda: list(csv.DictReader(io.StringIO(path.read_text()), delimiter="\t", quoting=csv.QUOTE_NONE)),
        "json": lambda: json.loads(path.read_text()),
        "parquet": lambda: pq.read_table(path).to_pylist(),
        "arrow": lambda: pyarrow.ipc.open_file(path).read_all().to_pylist(),
    }
    rows = read[format]()
    expected = lookup(atlas_dir, ids_file.read_text().split())
    assert [(row["asked"], str(row["position"] or "")) for row in rows] == [
        (row["asked"], str(row["position"] or "")) for row in expected
    ]


def test_a_table_of_text_has_a_line_per_row_and_is_told_on_ids_typed_too(attlas: Command, atlas_dir: Path) -> None:
    done = attlas("show", atlas_dir, "P0DP23", "Q00003", "--format", "table")
    lines = done.out.splitlines()
    assert lines[0].split() == list(TEXT_COLUMNS)
    assert len(lines) == 2 + 3 + 1
    assert lines[-1].startswith("Q00003  Q00003     STOP1")
    assert lines[-1].endswith("skipped      inner `*`")


@pytest.mark.parametrize(
    "text",
    [
        "P0DP23\r\nQ00001\r\n",
        "P0DP23\rQ00001\r",
        "\ufeffP0DP23\nQ00001",
        "# a comment\n\n  P0DP23  \n#Q00003\nQ00001\tcalled so\tand more\n",
        ">P0DP23 from a FASTA file\n>tr|Q00001|NONE_HUMAN None\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_files_of_ids_come_as_editors_and_spreadsheets_write_them(
    attlas: Command, atlas_dir: Path, tmp_path: Path, text: str, encoding: str
) -> None:
    path = tmp_path / "ids.txt"
    path.write_bytes(text.replace("\ufeff", "" if encoding == "utf-16" else "\ufeff").encode(encoding))
    done = attlas("show", atlas_dir, "--ids", path, "--format", "json")
    assert (done.code, [row["accession"] for row in json.loads(done.out)]) == (0, ["P0DP23"] * 3 + ["Q00001"])


def test_ids_come_through_a_pipe(atlas_dir: Path) -> None:
    command = [*SHOW, str(atlas_dir), "--ids", "-", "--format", "json"]
    done = subprocess.run(command, input=b"\xef\xbb\xbfP0DP23\r\n", capture_output=True, timeout=60, check=True)
    assert {row["accession"] for row in json.loads(done.stdout)} == {"P0DP23"}


@pytest.mark.parametrize("data", [b"", b"\n \n", b"# nothing\n", b"\xef\xbb\xbf"])
def test_a_file_without_ids_is_refused(attlas: Command, atlas_dir: Path, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "ids").write_bytes(data)
    done = attlas("show", atlas_dir, "--ids", tmp_path / "ids")
    assert (done.code, done.out) == (1, "")
    assert "There is no id in" in done.err


@pytest.mark.parametrize("data", [b"P04637\n\x00\xfe\n", None])
def test_a_file_that_cannot_be_read_is_reported(
    attlas: Command, atlas_dir: Path, tmp_path: Path, data: bytes | None
) -> None:
    if data is not None:
        (tmp_path / "ids").write_bytes(data)
    done = attlas("show", atlas_dir, "--ids", tmp_path / "ids")
    assert (done.code, done.out) == (1, "")
    assert ("is no plain text" if data else "There is no such file") in done.err


def test_ids_without_an_answer_are_named_and_an_error(attlas: Command, atlas_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "ids").write_text("\n".join(["P0DP23", "TP53", *(f"nope{i}" for i in range(30))]))
    done = attlas("show", atlas_dir, "--ids", tmp_path / "ids", "--format", "csv")
    assert done.code == 1
    assert len(done.out.splitlines()) == 1 + 3 + 31
    assert "31 of 32 ids have no answer." in done.err
    assert "  - TP53: names several proteins: one of P04637, P04637-2\n  - nope0: not in this atlas\n" in done.err
    assert "and 21 more (31 in all)" in done.err
    assert "--unmatched FILE" in done.err


def test_unmatched_ids_go_to_a_file_that_is_itself_a_file_of_ids(
    attlas: Command, atlas_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "ids").write_text("P0DP23\nTP53\nnope\x1b[31m\nQ00003\n")
    left = tmp_path / "left.tsv"
    done = attlas("show", atlas_dir, "--ids", tmp_path / "ids", "-o", tmp_path / "x.csv", "--unmatched", left)
    assert (done.code, done.out) == (0, "")
    assert done.err == f"attlas: 2 of 4 ids have no answer; see {left}\n"
    assert left.read_text().splitlines() == [
        "TP53\tnames several proteins: one of P04637, P04637-2",
        "nope\\x1b[31m\tnot in this atlas",
    ]
    assert attlas("show", atlas_dir, "--ids", left, "--format", "csv").out.splitlines()[1].startswith("TP53,names")


def test_no_unmatched_id_leaves_an_empty_file(attlas: Command, atlas_dir: Path, tmp_path: Path) -> None:
    left = tmp_path / "left"
    left.write_text("of an earlier run")
    assert attlas("show", atlas_dir, "P0DP23", "--unmatched", left).code == 0
    assert left.read_text() == ""


def test_an_id_given_twice_is_answered_once_and_that_is_reported(
    attlas: Command, atlas_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "ids").write_text("P0DP23\nCALM1\nP0DP23\nP0DP23\n")
    done = attlas("show", atlas_dir, "--ids", tmp_path / "ids", "--format", "csv")
    assert len(done.out.splitlines()) == 1 + 6
    assert done.err == "attlas: 2 ids of 4 repeated; each is answered once\n"
    assert attlas("show", atlas_dir, "P0DP23", "P0DP23").out == attlas("show", atlas_dir, "P0DP23").out


def test_a_taxon_says_whose_gene_is_meant(attlas: Command, atlas_dir: Path) -> None:
    assert attlas("show", atlas_dir, "CALM1", "--taxon", "9606").out.startswith("P0DP23")
    assert attlas("show", atlas_dir, "CALM1@Homo sapiens").out.startswith("P0DP23")
    done = attlas("show", atlas_dir, "CALM1", "--taxon", "10090")
    assert (done.code, done.out) == (1, "")
    assert "gene CALM1 is here of taxon 9606, not of 10090" in done.err


def test_layers_and_sequence_of_a_card_are_chosen(attlas: Command, atlas_dir: Path) -> None:
    done = attlas("show", atlas_dir, "P0DP23", "--layers", "0,2-3", "--sequence", "none")
    assert [line.split()[1].rstrip("*") for line in done.out.splitlines() if line.startswith("  layer")] == list("023")
    assert "\nsequence" not in done.out
    assert "\nsequence" in attlas("show", atlas_dir, "Q00003", "--sequence", "whole").out
    refused = attlas("show", atlas_dir, "P0DP23", "--layers", "4")
    assert (refused.code, refused.out) == (1, "")
    assert "layers from 0 to 3" in refused.err


def test_json_has_the_layers_asked_for_and_the_same_form_for_a_file_of_ids(
    attlas: Command, atlas_dir: Path, ids_file: Path
) -> None:
    (calmodulin,) = json.loads(attlas("show", atlas_dir, "P0DP23", "--json", "--layers", "1,0").out)
    assert [profile["layer"] for profile in calmodulin["profiles"]] == [1, 0]
    assert len(calmodulin["profiles"][0]["received"]) == 149
    many = json.loads(attlas("show", atlas_dir, "--ids", ids_file, "--json").out)
    assert {frozenset(answer) for answer in many} == {frozenset(calmodulin)}
    assert [answer["asked"] for answer in many] == ids_file.read_text().split()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["P04637", "--json", "--format", "csv"], "a table in JSON is --format json"),
        (["P04637", "--json", "--unmatched", "x"], "a table in JSON is --format json"),
        (["P04637", "--layers", "0", "--format", "csv"], "of cards, not of a table"),
        (["P04637", "--sequence", "all"], "is not one of"),
        ([], "Missing argument"),
    ],
)
def test_options_that_do_not_go_together_are_usage_errors(
    attlas: Command, atlas_dir: Path, options: list[str], message: str
) -> None:
    done = attlas("show", atlas_dir, *options)
    assert (done.code, done.out) == (2, "")
    assert message in " ".join(done.err.split())


@pytest.mark.parametrize(
    "name", ["\x1b[2J", "a\x07b", "\x9b31m", "x" * 10_000, "\udcff", "a\nb\tc", f"{HOSTILE.accession.lower()}x"]
)
@pytest.mark.parametrize("options", [[], ["--format", "table"]])
def test_what_a_hostile_id_holds_reaches_no_terminal(
    attlas: Command, atlas_dir: Path, name: str, options: list[str]
) -> None:
    done = attlas("show", atlas_dir, name, *options)
    assert done.code == 1
    assert "Traceback" not in done.err
    assert all(line.isprintable() for line in (done.out + done.err).splitlines())
    assert max(map(len, done.err.splitlines())) < 400


def test_json_of_an_id_that_is_no_text_is_still_json(attlas: Command, atlas_dir: Path) -> None:
    (answer,) = json.loads(attlas("show", atlas_dir, "\udcff\x1b", "--json").out)
    assert (answer["asked"], answer["outcome"]) == ("�\x1b", "not in this atlas")


@pytest.mark.thorough
def test_a_terminal_without_our_signs_gets_such_as_it_has(atlas_dir: Path) -> None:
    def shown(verb: list[str], encoding: str) -> str:
        environment = {**os.environ, "PYTHONIOENCODING": encoding}
        command = [sys.executable, "-m", "attlas.cli.main", *verb]
        done = subprocess.run(command, capture_output=True, env=environment, timeout=60, check=True)
        return done.stdout.decode(encoding)

    for verb in (["show", str(atlas_dir), "P0DP23"], ["info", str(atlas_dir)]):
        ascii_text, unicode_text = shown(verb, "ascii"), shown(verb, "utf-8")
        assert "?" not in ascii_text
        assert len(ascii_text) == len(unicode_text)
    assert "gene CALM1" in ascii_text or "proteins" in ascii_text


def in_a_terminal(arguments: list[str], columns: int = 80) -> str:
    """Return the text that a command prints into a terminal of its own."""
    parent, child = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "PYTHONIOENCODING": "utf-8"}
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen([*SHOW, *arguments], stdout=child, stderr=subprocess.DEVNULL, env=environment)
    os.close(child)
    printed = b""
    while True:
        try:
            piece = os.read(parent, 65_536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not piece:
            break
        printed += piece
    os.close(parent)
    process.wait(timeout=60)
    return printed.decode().replace("\r\n", "\n")


@pytest.mark.thorough
def test_a_terminal_gets_colour_and_a_pipe_the_same_without(atlas_dir: Path, attlas: Command) -> None:
    printed = in_a_terminal([str(atlas_dir), "P0DP23"])
    assert COLOURED.mark in printed
    for code in (COLOURED.bold, COLOURED.dim, COLOURED.mark, COLOURED.reset):
        printed = printed.replace(code, "")
    assert printed == attlas("show", atlas_dir, "P0DP23").out


def test_a_terminal_gets_the_first_rows_of_a_long_table(atlas_dir: Path) -> None:
    every = [protein.accession for protein in PROTEINS if protein is not HOSTILE]
    assert len(in_a_terminal([str(atlas_dir), *every, "--format", "table"]).splitlines()) == 2 + 40


def test_the_first_lookup_of_a_process_imports_neither_pandas_nor_compute(atlas_dir: Path) -> None:
    script = (
        f"import sys; from attlas.queries import Atlas; atlas = Atlas.open({str(atlas_dir)!r});"
        "atlas.sites('P0DP23'); atlas.heads('CALM2'); atlas.protein('P53_HUMAN');"
        "print(sorted({'pandas', 'pyarrow.compute', 'duckdb'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"
