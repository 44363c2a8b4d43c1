"""The verbs show, sql, export and info, as the real command in its own process."""

import csv
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from helpers.command_line import Run
from helpers.reading_case import HOSTILE, PROTEINS
from typer.testing import CliRunner

from attlas.cli.main import app
from attlas.queries import Atlas

pytestmark = pytest.mark.slow


def run_process(*arguments: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "attlas.cli.main", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, input=stdin, timeout=60, check=False)


def test_show_prints_cards_and_exits_0(attlas: Run, atlas_dir: Path) -> None:
    done = attlas("show", atlas_dir, "P0DP23", "Q00003")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("P0DP23  CALM1_HUMAN")
    assert "\n\nQ00003  STOP_HUMAN" in done.out
    assert "\x1b" not in done.out


def test_show_prints_what_it_found_and_names_what_it_did_not(attlas: Run, atlas_dir: Path) -> None:
    done = attlas("show", atlas_dir, "P0DP23", "nope", "TP53")
    assert done.code == 1
    assert done.out.startswith("P0DP23")
    assert "2 of 3 ids have no answer" in done.err
    assert "nope is not in this atlas" in done.err
    assert "TP53 names 2 proteins" in done.err
    assert "Traceback" not in done.err


def test_show_json_tells_every_kind_of_answer_apart(attlas: Run, atlas_dir: Path) -> None:
    done = attlas("show", atlas_dir, "--json", "P0DP23", "Q00001", "Q00003", "Q00004", "nope", "TP53")
    assert done.code == 1
    answers = {answer["asked"]: answer for answer in json.loads(done.out)}
    assert {name: answer["outcome"] for name, answer in answers.items()} == {
        "P0DP23": "sites found",
        "Q00001": "computed, no sites found",
        "Q00003": "skipped",
        "Q00004": "failed",
        "nope": "not in this atlas",
        "TP53": "names several proteins",
    }
    assert [answers[id]["sites"] is None for id in answers] == [False, False, True, True, True, True]
    assert len(answers["P0DP23"]["profile"]["received"]) == 149
    assert answers["P0DP23"]["provenance"]["rule"] == "nayar-2025-05"


def test_show_never_imports_torch_nor_duckdb_and_page_no_pandas_either(atlas_dir: Path, tmp_path: Path) -> None:
    script = (
        "import sys; from attlas.cli.main import app;"
        f"app(['show', {str(atlas_dir)!r}, 'P0DP23'], standalone_mode=False);"
        "heavy = {'torch', 'transformers', 'dask', 'duckdb', 'pandas', 'pyarrow.compute', 'pyarrow.dataset', 'Bio'};"
        "print('heavy:', sorted(heavy & set(sys.modules)));"
        f"app(['page', {str(atlas_dir)!r}, 'P0DP23', '-o', {str(tmp_path / 'x.html')!r}], standalone_mode=False);"
        "print('heavy:', sorted({'duckdb', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert [line for line in done.stdout.splitlines() if line.startswith("heavy")] == ["heavy: []"] * 2


@pytest.mark.parametrize(
    "words", [("find", "calmodulin"), ("show", "P0DP23", "--format", "parquet")], ids=lambda w: w[0]
)
def test_a_lookup_gives_the_same_without_numpy(attlas: Run, atlas_dir: Path, tmp_path: Path, words: tuple) -> None:
    verb, *arguments = words
    code = (
        "import atexit, sys; from attlas.cli.main import main;"
        "atexit.register(lambda: print(sys.modules['numpy'])); main()"
    )
    command = [sys.executable, "-c", code, verb, str(atlas_dir), *arguments, "-o", str(tmp_path / "alone")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed.splitlines()[-1] == "None"

    assert attlas(verb, atlas_dir, *arguments, "-o", tmp_path / "beside").code == 0
    assert (tmp_path / "alone").read_bytes() == (tmp_path / "beside").read_bytes() != b""


def test_sql_prints_a_table(attlas: Run, atlas_dir: Path) -> None:
    done = attlas("sql", atlas_dir, "SELECT accession, n_sites FROM proteins WHERE gene = 'TP53' ORDER BY 1")
    expected = "accession  n_sites\n─────────  ───────\nP04637           3\nP04637-2         3\n"
    assert (done.code, done.out, done.err) == (0, expected, "")


def test_sql_piped_gives_every_row(attlas: Run, atlas_dir: Path) -> None:
    done = attlas("sql", atlas_dir, "SELECT range AS i FROM range(3000)")
    assert len(done.out.splitlines()) == 3002


def test_sql_writes_csv_json_and_parquet(attlas: Run, atlas_dir: Path, tmp_path: Path) -> None:
    query = (
        "SELECT accession, position, share, received FROM sites JOIN residues USING (accession, position) ORDER BY ALL"
    )
    query = query.replace("share, received", "share, residues.received")
    rows = list(csv.DictReader(io.StringIO(attlas("sql", atlas_dir, query, "--format", "csv").out)))
    same = json.loads(attlas("sql", atlas_dir, query, "--format", "json").out)
    assert attlas("sql", atlas_dir, query, "-o", tmp_path / "x.parquet").code == 0
    table = pq.read_table(tmp_path / "x.parquet")
    assert len(rows) == len(same) == table.num_rows
    assert [json.loads(row["received"]) for row in rows] == [row["received"] for row in same]
    assert [row["share"] for row in same] == pytest.approx(table["share"].to_pylist(), rel=1e-7)


def test_sql_reads_its_query_from_stdin(atlas_dir: Path) -> None:
    done = run_process("sql", atlas_dir, "-", "--format", "json", stdin="SELECT count(*) AS n FROM proteins")
    assert json.loads(done.stdout) == [{"n": len(PROTEINS)}]


def test_an_empty_answer_is_still_csv_json_and_a_table(attlas: Run, atlas_dir: Path) -> None:
    query = "SELECT accession FROM sites WHERE false"
    assert attlas("sql", atlas_dir, query, "--format", "csv").out == "accession\n"
    assert attlas("sql", atlas_dir, query, "--format", "json").out == "[]\n"
    assert attlas("sql", atlas_dir, query).out == "accession\n─────────\n(no rows)\n"


@pytest.mark.thorough
def test_sql_writes_tsv_that_is_quoted_as_csv_is(atlas_dir: Path) -> None:
    query = r"""SELECT E'a\tb\nc\rd\\e"f' AS "odd\tname", NULL AS n, [1, 2] AS l, true AS b, '"q' AS q UNION ALL
                SELECT 'Ω', 0.1::FLOAT, [], false, ''"""
    query = query.replace('"odd\\tname"', '"odd\tname"')
    command = [sys.executable, "-m", "attlas.cli.main", "sql", str(atlas_dir), query, "--format", "tsv"]
    data = subprocess.run(command, capture_output=True, timeout=60, check=True).stdout
    rows = list(csv.reader(io.StringIO(data.decode(), newline=""), delimiter="\t"))
    assert rows == [
        ["odd\tname", "n", "l", "b", "q"],
        ['a\tb\nc\rd\\e"f', "", "[1, 2]", "true", '"q'],
        ["Ω", "0.1", "[]", "false", ""],
    ]


def test_pandas_reads_the_proteins_from_tsv(attlas: Run, atlas_dir: Path) -> None:
    proteins = attlas("sql", atlas_dir, "SELECT * FROM proteins", "--format", "tsv").out
    frame = pd.read_csv(io.StringIO(proteins), sep="\t")
    assert (len(frame), frame["length"].dtype) == (len(PROTEINS), "int64")
    hostile = frame.loc[frame["accession"] == HOSTILE.accession, "description"]
    assert list(hostile) == [HOSTILE.description]


@pytest.mark.thorough
@pytest.mark.slow
def test_dev_stdout_is_where_the_shell_writes_and_no_file_is_put_in_its_place(atlas_dir: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "attlas.cli.main", "sql", str(atlas_dir), "SELECT 1 AS n", "--format", "csv"]
    with (tmp_path / "answer.csv").open("w") as file:
        for _ in range(2):
            subprocess.run([*command, "-o", "/dev/stdout"], stdout=file, timeout=60, check=True)
        file.write("after\n")
    assert (tmp_path / "answer.csv").read_text() == "n\n1\nn\n1\nafter\n"


@pytest.mark.thorough
@pytest.mark.slow
def test_sql_writes_arrow_to_a_file_and_to_a_pipe(attlas: Run, atlas_dir: Path, tmp_path: Path) -> None:
    query = "SELECT accession, position, received FROM residues ORDER BY ALL"
    assert attlas("sql", atlas_dir, query, "-o", tmp_path / "x.arrow").code == 0
    command = [sys.executable, "-m", "attlas.cli.main", "sql", str(atlas_dir), query, "--format", "arrow"]
    piped = subprocess.run(command, capture_output=True, timeout=60, check=True).stdout
    assert piped == (tmp_path / "x.arrow").read_bytes()
    with pa.memory_map(str(tmp_path / "x.arrow")) as file:
        rows = pa.ipc.open_file(file).read_all()
    with Atlas.open(atlas_dir) as atlas:
        assert rows.equals(atlas.sql(query))
    assert len(pd.read_feather(tmp_path / "x.arrow")) == rows.num_rows


def test_sql_prints_a_plan_as_it_is_drawn(attlas: Run, atlas_dir: Path) -> None:
    done = attlas("sql", atlas_dir, "EXPLAIN SELECT count(*) FROM sites")
    assert (done.code, done.err) == (0, "")
    assert len(done.out.splitlines()) > 5
    assert "\\n" not in done.out
    assert "explain_key" not in done.out


def test_sql_prints_what_python_has_no_value_for(attlas: Run, atlas_dir: Path) -> None:
    query = "SELECT DATE '290000-01-01' AS d, TIMESTAMP_NS '2020-01-02 03:04:05.000000001' AS t"
    for format in ("table", "csv", "tsv", "json"):
        done = attlas("sql", atlas_dir, query, "--format", format)
        assert (done.code, done.err) == (0, "")
        assert "03:04:05.000000001" in done.out


@pytest.mark.thorough
def test_sql_has_a_time_limit_and_a_memory_limit(attlas: Run, atlas_dir: Path) -> None:
    runaway = "SELECT count(*) FROM range(1000000) AS a, range(1000000) AS b WHERE (a.range * b.range) % 7 = 3"
    done = attlas("sql", atlas_dir, runaway, "--timeout", "0.5")
    assert (done.code, done.out) == (1, "")
    assert "stopped after 0.5 s" in done.err
    outcome = attlas(
        "sql", atlas_dir, "SELECT current_setting('memory_limit') AS m", "--memory", "100MiB", "--timeout", "0"
    )
    assert "100.0 MiB" in outcome.out
    assert "is no amount of memory" in attlas("sql", atlas_dir, "SELECT 1", "--memory", "much").err


def test_sql_points_at_the_place_of_an_error(attlas: Run, atlas_dir: Path) -> None:
    done = attlas("sql", atlas_dir, "SELECT accession,\n       scores\nFROM sites")
    assert done.code == 1
    assert "    SELECT accession,\n           scores\n           ^^^^^^\n    FROM sites\n" in done.err
    assert "sites: accession, sequence_id, position" in done.err


@pytest.mark.thorough
def test_export_writes_a_duckdb_file_by_its_name(attlas: Run, atlas_dir: Path, tmp_path: Path) -> None:
    assert attlas("export", atlas_dir, "duckdb", tmp_path / "all.duckdb").code == 0
    done = attlas("export", atlas_dir, "duckdb", "P04637", "P0DP23", "-o", tmp_path / "two.duckdb")
    assert (done.code, done.out, done.err) == (0, "", "")
    for name, n in (("all", len(PROTEINS)), ("two", 2)):
        with duckdb.connect(str(tmp_path / f"{name}.duckdb"), read_only=True) as connection:
            assert connection.sql("SELECT count(*) FROM proteins").fetchall() == [(n,)]


def test_sql_that_fails_leaves_no_file_and_exits_1(attlas: Run, atlas_dir: Path, tmp_path: Path) -> None:
    bad = "SELECT CAST(accession AS INT) FROM proteins"
    done = attlas("sql", atlas_dir, bad, "-o", tmp_path / "x.csv")
    assert done.code == 1
    assert "Could not convert" in done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.thorough
@pytest.mark.parametrize("format", ["gff3", "csv", "jsonl", "parquet"])
@pytest.mark.slow
def test_export_to_a_file_equals_export_to_a_pipe(attlas: Run, atlas_dir: Path, tmp_path: Path, format: str) -> None:
    path = tmp_path / f"sites.{format}"
    assert attlas("export", atlas_dir, format, "-o", path).code == 0
    command = [sys.executable, "-m", "attlas.cli.main", "export", str(atlas_dir), format]
    piped = subprocess.run(command, capture_output=True, timeout=60, check=True)
    assert path.read_bytes() == piped.stdout


def test_export_says_which_proteins_a_format_leaves_out(attlas: Run, atlas_dir: Path) -> None:
    done = attlas("export", atlas_dir, "csv", "P0DP23", "Q00001", "Q00003")
    assert done.code == 0
    assert "2 proteins have no row in this format: Q00001, Q00003" in done.err
    assert attlas("export", atlas_dir, "jsonl", "P0DP23", "Q00001").err == ""


def test_export_of_unknown_ids_writes_the_known_and_exits_1(attlas: Run, atlas_dir: Path, tmp_path: Path) -> None:
    done = attlas("export", atlas_dir, "jsonl", "P0DP23", "nope")
    assert done.code == 1
    assert [json.loads(line)["accession"] for line in done.out.splitlines()] == ["P0DP23"]
    assert "nope is not in this atlas" in done.err
    assert attlas("export", atlas_dir, "csv", "nope", "-o", tmp_path / "x.csv").code == 1
    assert list(tmp_path.iterdir()) == []


def test_info_tells_provenance_counts_and_columns(attlas: Run, atlas_dir: Path) -> None:
    text = attlas("info", atlas_dir).out
    assert "facebook/esm2_synthetic, revision local, 4 layers x 2 heads" in text
    assert "22 = 20 ok + 1 skipped + 1 failed" in text
    described = attlas("info", atlas_dir, "--columns").out
    assert "received     FLOAT[4]  attention" in described
    values = json.loads(attlas("info", atlas_dir, "--json").out)
    assert values["run"]["rule"] == "nayar-2025-05"
    assert {table["name"]: table["n_rows"] for table in values["tables"]}["proteins"] == len(PROTEINS)
    assert len(json.loads(attlas("info", atlas_dir, "--columns", "--json").out)) > 50


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["show", "no-such-dir", "P04637"], 1, "There is no directory no-such-dir"),
        (["sql", "ATLAS", "DROP VIEW sites"], 1, "An atlas is asked with one SELECT"),
        (["export", "ATLAS", "excel"], 1, "There is no format excel"),
        (["export", "ATLAS", "gff"], 1, "do you mean gff3?"),
        (["export", "ATLAS", "GFF3"], 1, "do you mean gff3?"),
        (["export", "ATLAS", "pymol"], 1, "takes one protein at a time"),
        (["ask", "ATLAS", "sites_of", "P04637"], 1, "--describe` names the parameters"),
        (["sql", "ATLAS", "SELECT 1", "--format", "xml"], 2, "'xml' is not one of"),
        (["show", "ATLAS"], 2, "Missing argument"),
        (["show"], 2, "Missing argument"),
    ],
)
def test_errors_have_their_exit_codes(
    attlas: Run, atlas_dir: Path, arguments: list[str], code: int, message: str
) -> None:
    done = attlas(*(str(atlas_dir) if argument == "ATLAS" else argument for argument in arguments))
    assert (done.code, done.out) == (code, "")
    assert message in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("verb", ["show", "sql", "export", "info"])
def test_every_verb_has_help(verb: str) -> None:
    result = CliRunner().invoke(app, [verb, "--help"])
    assert result.exit_code == 0
    assert "Directory of the atlas, or its URL." in result.output


@pytest.mark.parametrize("name", ["manifest.json", "sites/shard-00001.parquet", "new.csv", "../atlas/x.csv"])
def test_nothing_is_written_into_an_atlas(attlas: Run, atlas_dir: Path, tmp_path: Path, name: str) -> None:
    copy = tmp_path / "atlas"
    shutil.copytree(atlas_dir, copy)
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    for words in (("sql", copy, "SELECT 1 AS n", "--format", "csv", "-o"), ("export", copy, "csv", "-o")):
        done = attlas(*words, copy / name)
        assert (done.code, f"lies in the atlas {copy}" in done.err) == (1, True), done.err
    for options in (("--out", copy / name), ("--out", tmp_path / "r.html", "--figures", copy / "figures")):
        done = attlas("report", copy, *options)
        assert (done.code, f"lies in the atlas {copy}" in done.err) == (1, True), done.err
    assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before


def test_an_output_that_is_a_link_or_a_device_stays_one(attlas: Run, atlas_dir: Path, tmp_path: Path) -> None:
    target, link = tmp_path / "sites.csv", tmp_path / "link.csv"
    target.write_text("old")
    link.symlink_to(target)
    assert attlas("export", atlas_dir, "csv", "-o", link).code == 0
    assert link.is_symlink()
    assert target.read_text().startswith("accession,")
    device = tmp_path / "null"
    device.symlink_to("/dev/null")
    assert attlas("export", atlas_dir, "csv", "-o", device).code == 0
    assert device.is_symlink()
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("format", ["json", "parquet", "arrow"])
def test_columns_of_one_name_are_refused_where_a_format_would_lose_one(
    attlas: Run, format: str, atlas_dir: Path, tmp_path: Path
) -> None:
    output = tmp_path / "answer"
    done = attlas("sql", atlas_dir, "SELECT 1 AS layer, 3 AS layer", "--format", format, "-o", output)
    assert done.code == 1
    assert "twice or more: layer" in done.err
    assert not output.exists()


def test_an_output_whose_name_tells_no_format_is_refused_and_case_does_not_matter(
    attlas: Run, atlas_dir: Path, tmp_path: Path
) -> None:
    assert "is no format" in attlas("sql", atlas_dir, "SELECT 1", "-o", tmp_path / "a.xlsx").err
    assert attlas("sql", atlas_dir, "SELECT 1 AS n", "-o", tmp_path / "a.CSV").code == 0
    assert (tmp_path / "a.CSV").read_text() == "n\n1\n"


def test_damaged_pages_are_reported_to_be_the_atlas_not_the_question(
    attlas: Run, atlas_dir: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(atlas_dir, tmp_path / "copy")
    for path in copy.glob("*/*.parquet"):
        data = bytearray(path.read_bytes())
        data[4 : len(data) // 2] = b"\xff" * (len(data) // 2 - 4)
        path.write_bytes(data)
    for arguments in (("show", copy, "P0DP23"), ("sql", copy, "SELECT sum(received[1]) FROM residues")):
        done = attlas(*arguments)
        assert done.code == 1
        assert "cannot be read" in done.err
        assert "attlas verify" in done.err
        assert "Traceback" not in done.err


@pytest.mark.thorough
def test_a_full_disk_behind_stdout_is_reported(atlas_dir: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "attlas.cli.main", "info", str(atlas_dir)]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "The disk is full." in done.stderr
    assert "Traceback" not in done.stderr


def test_an_output_that_is_a_directory_is_refused_by_name(attlas: Run, atlas_dir: Path, tmp_path: Path) -> None:
    for verb in (["export", atlas_dir, "gff3"], ["sql", atlas_dir, "FROM sites", "--format", "csv"]):
        done = attlas(*verb, "-o", tmp_path)
        assert (done.code, done.out) == (1, "")
        assert f"{tmp_path} is a directory" in done.err


@pytest.mark.parametrize(
    "words",
    [
        ["export", "gff3"],
        ["export", "interproscan"],  # which writes a second file beside it
        ["sql", "FROM sites", "--format", "csv"],
        ["ask", "lengths", "--format", "csv"],
        ["show", "P04637", "--format", "csv"],
        ["find", "p53"],
        ["report"],
        ["page", "P04637"],
    ],
    ids=" ".join,
)
def test_an_output_in_a_folder_that_does_not_exist_is_refused_and_makes_none(
    attlas: Run, atlas_dir: Path, tmp_path: Path, words: list[str]
) -> None:
    done = attlas(words[0], atlas_dir, *words[1:], "-o", tmp_path / "nodir" / "x.csv")
    assert (done.code, done.out) == (1, "")
    assert f"There is no folder {tmp_path / 'nodir'} for x.csv." in done.err
    assert list(tmp_path.iterdir()) == []


WRITING_VERBS = ("sql", "ask", "show", "find", "export", "compare", "report", "publish", "build")


@pytest.mark.parametrize("verb", WRITING_VERBS)
def test_every_verb_that_writes_takes_each_spelling_of_an_output(verb: str) -> None:
    command = typer.main.get_command(app).commands[verb]
    spellings = [option.opts for option in command.params if "-o" in option.opts]
    assert spellings == [["--output", "-o", "--out"]]
