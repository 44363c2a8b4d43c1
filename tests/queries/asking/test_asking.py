"""Parameters of questions, questions of one's own, and the verb `ask`, in Python and on the command line."""

import csv
import gzip
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from helpers.command_line import Run
from helpers.reading_case import HOSTILE

from attlas.queries import Atlas
from attlas.queries.asking.answering import ask
from attlas.queries.asking.parameters import Parameter, make_singular
from attlas.queries.asking.question_file import read_question
from attlas.queries.asking.questions import questions
from attlas.schema import QuestionError


def test_lists_are_typed_with_commas_read_from_a_file_or_given(atlas: Atlas, tmp_path: Path) -> None:
    ids = tmp_path / "ids.txt"
    ids.write_text("\ufeff# mine\nP0DP23\ta column more\n\n  sp|P04637|P53_HUMAN\n", encoding="utf-8")
    typed = atlas.ask("sites_of", proteins="P0DP23, P53_HUMAN")
    assert typed.num_rows == 6
    assert typed.equals(atlas.ask("sites_of", proteins=f"@{ids}"))
    assert typed.equals(atlas.ask("sites_of", proteins=["P0DP23", "P04637", "P0DP23"]))
    assert typed.equals(atlas.ask("sites_of", proteins=typed["accession"]))
    assert atlas.ask("sites_of", proteins=[HOSTILE.accession]).num_rows == 3


def test_a_parameter_may_be_named_in_the_singular_or_the_plural(atlas: Atlas) -> None:
    assert atlas.ask("sites_of", protein="P0DP23").equals(atlas.ask("sites_of", proteins="P0DP23"))
    assert atlas.ask("layer_profile", proteins="P0DP23").equals(atlas.ask("layer_profile", protein="P0DP23"))
    assert atlas.ask("sites_on_residues", residue="G").equals(atlas.ask("sites_on_residues", residues="G"))
    assert [make_singular(name) for name in ("families", "types", "seed")] == ["family", "type", "seed"]


def test_a_list_of_proteins_may_be_all_and_none_is_all(atlas: Atlas) -> None:
    whole = atlas.ask("residue_enrichment")
    assert whole.equals(atlas.ask("residue_enrichment", proteins="all"))
    assert whole.equals(atlas.ask("residue_enrichment", proteins=None))
    assert not whole.equals(atlas.ask("residue_enrichment", proteins="P0DP23"))


def test_ids_of_any_form_are_resolved(atlas: Atlas) -> None:
    md5 = atlas.protein("P0DP23")["md5"][0].as_py()
    by_digest = atlas.ask("sites_of", proteins=md5)
    assert set(by_digest["accession"].to_pylist()) == {"P0DP23", "P0DP24"}
    with pytest.warns(UserWarning, match="is the sequence of P0DP23, P0DP24; the answer is for P0DP23"):
        atlas.ask("layer_profile", protein=md5)
    assert atlas.ask("layer_profile", protein="CALM1").equals(atlas.ask("layer_profile", protein="P0DP23"))


def test_proteins_that_were_not_computed_are_named(atlas: Atlas) -> None:
    with pytest.warns(UserWarning, match=r"Q00003 was not computed \(skipped: inner `\*`\)"):
        rows = atlas.ask("runner_ups", proteins="Q00003,P0DP23")
    assert set(rows["accession"].to_pylist()) == {"P0DP23"}


@pytest.mark.parametrize(
    ("name", "given", "what"),
    [
        ("sites_off", {}, "no question 'sites_off'.*do you mean sites_of"),
        ("../sql/sites_of", {}, "There is no question"),
        ("sites_of", {}, "sites_of needs proteins.*flank = 5"),
        ("sites_of", {"accession": "P0DP23"}, "no parameter 'accession'.*proteins \\(proteins\\)"),
        ("sites_of", {"protein": "P0DP23", "proteins": "P0DP23"}, "given twice: protein is proteins"),
        ("completeness", {"n": 1}, "no parameter 'n'.*none"),
        (
            "sites_of",
            {"proteins": "P0DP23", "flank": "five"},
            "flank cannot be used.*a whole number, 0 to 1000.*'five'",
        ),
        ("sites_of", {"proteins": "P0DP23", "flank": -1}, "a whole number, 0 to 1000"),
        ("sites_of", {"proteins": "P0DP23", "flank": 1001}, "a whole number, 0 to 1000"),
        ("sites_of", {"proteins": "P0DP23", "flank": 1.5}, "flank cannot be used"),
        ("sites_of", {"proteins": "P0DP23", "flank": True}, "flank cannot be used"),
        ("sites_of", {"proteins": "P0DP23", "flank": None}, "flank cannot be used"),
        ("sites_per_length", {"min_length": 10**12}, "min_length cannot be used"),
        ("sites_of", {"proteins": ""}, "proteins cannot be used"),
        ("sites_of", {"proteins": " , "}, "proteins cannot be used"),
        ("sites_of", {"proteins": []}, "proteins cannot be used"),
        ("sites_of", {"proteins": "P0DP23,NOPE"}, "NOPE is not in this atlas"),
        ("sites_of", {"proteins": "NOPE,P0DP23,NADA"}, "2 of the 3 ids of proteins.*NOPE is not.*NADA is not"),
        ("sites_of", {"proteins": "TP53"}, "TP53 names 2 proteins"),
        ("sites_of", {"proteins": "all"}, "all is not in this atlas"),
        ("sites_of", {"proteins": ["P0DP23", None]}, "proteins cannot be used"),
        ("sites_of", {"proteins": "@/no/such/file"}, "file of proteins cannot be read"),
        ("layer_profile", {"protein": ["P0DP23"]}, "protein cannot be used"),
        ("layers_of_word", {"word": "  "}, "word cannot be used.*text"),
        ("rank_of_positions", {"protein": "P0DP23", "positions": "0"}, "1 or more"),
        ("rank_of_positions", {"protein": "P0DP23", "positions": "5-9"}, "'5-9'"),
        ("residue_enrichment", {"z": "nan"}, "a number, 0 to 10"),
        ("residue_enrichment", {"z": "inf"}, "a number, 0 to 10"),
    ],
)
def test_a_wrong_parameter_is_refused_and_the_right_ones_told(atlas: Atlas, name: str, given: dict, what: str) -> None:
    with pytest.raises(QuestionError, match=f"(?s){what}"):
        atlas.ask(name, **given)


def test_values_are_bound_and_never_run(atlas: Atlas) -> None:
    hostile = "x') OR true --"
    assert [row["n_with"] for row in atlas.ask("layers_of_word", word=hostile).to_pylist()] == [0] * 4
    question = ask(atlas, "layers_of_word", {"word": hostile})
    assert "'x'') OR true --'" in question.sql
    assert atlas.sql(question.sql).equals(question.answer(atlas).read_all())
    assert atlas.ask("sites_on_residues", residues=["' OR true --", "C"]).num_rows == len(
        [r for r in atlas.sql("FROM sites").to_pylist() if r["residue"] == "C"]
    )


MINE = """\
-- title: Long proteins
-- topic: Sites
-- answers: Which proteins have
--   this many residues?
-- parameters:
--   n int 1..50000 = 300: Shortest
--     one.
-- columns:
--   twice: Length, twice.
-- grain: accession
-- source: Mine.
SELECT accession, 2 * length AS twice FROM proteins WHERE length >= $n ORDER BY accession
"""


def test_a_question_of_ones_own_is_asked_by_its_path(atlas: Atlas, tmp_path: Path) -> None:
    path = tmp_path / "long_proteins.sql"
    path.write_text(MINE)
    question = read_question(path)
    assert (question.name, question.answers) == ("long_proteins", "Which proteins have this many residues?")
    assert question.parameters == (Parameter("n", "int", "Shortest one.", "300", 1, 50_000),)
    assert question.usage == "long_proteins [n=300]"
    rows = atlas.ask(path, n="393").to_pylist()
    assert rows == [{"accession": "P04637", "twice": 786}]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("mine.sql", MINE.encode("utf-8-sig")),
        ("mine.sql", MINE.encode("utf-16")),
        ("mine.sql", MINE.replace("\n", "\r\n").encode()),
        ("mine.sql.gz", gzip.compress(MINE.encode())),
    ],
    ids=["marked UTF-8", "UTF-16", "ends of Windows", "gzip"],
)
def test_a_question_is_read_as_any_file_is(
    attlas: Run, atlas_dir: Path, tmp_path: Path, name: str, data: bytes
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    answered = attlas("ask", atlas_dir, path, "--format", "csv")
    assert (answered.code, answered.err) == (0, "")
    assert read_question(path).name == "mine"


def test_a_file_that_is_no_text_is_refused_once(attlas: Run, atlas_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.sql"
    path.write_bytes(b"PK\x03\x04")
    refused = attlas("ask", atlas_dir, path)
    assert refused.code == 1
    assert refused.err.startswith("attlas: mine.sql is packed with zip")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (("-- source: Mine.\n", ""), "lacks fields.*source"),
        (("-- title: Long proteins", "-- titel: Long proteins"), "Line 1 of .* is no line of a header"),
        (("--   n int", "--     n int"), "Line 6 of .* is no line of a header"),
        (("n int 1..50000 = 300:", "n number = 300:"), "A parameter of .* cannot be read"),
        (("twice: Length", "twice Length"), "A column of .* cannot be read"),
        (("SELECT accession", "DROP TABLE docs; SELECT accession"), "one SELECT"),
        (("length >= $n", "length >= $n AND 1 = $m"), "cannot be answered"),
    ],
)
def test_a_question_that_is_not_as_it_should_be_is_refused(
    atlas: Atlas, tmp_path: Path, change: tuple[str, str], what: str
) -> None:
    path = tmp_path / "mine.sql"
    path.write_text(MINE.replace(*change))
    with pytest.raises(QuestionError, match=f"(?s){what}"):
        atlas.ask(path)
    with pytest.raises(QuestionError, match="no such file"):
        atlas.ask(tmp_path / "absent.sql")


def test_ask_lists_describes_and_answers(attlas: Run, atlas_dir: Path) -> None:
    listed = attlas("ask", atlas_dir)
    assert listed.code == 0
    assert [name for name in [q.name for q in questions()] if f"  {name} " not in listed.out] == []
    described = attlas("ask", atlas_dir, "sites_of", "--describe")
    for text in (
        "attlas ask DIR sites_of proteins=… [flank=5]",
        "Residues shown on each side.",
        "one row per: accession",
    ):
        assert text in described.out
    answered = attlas("ask", atlas_dir, "sites_of", "proteins=P0DP23", "flank=0")
    assert (answered.code, answered.err) == (0, "")
    assert len(answered.out.splitlines()) == 5


def test_ask_writes_what_sql_writes(attlas: Run, atlas_dir: Path, tmp_path: Path) -> None:
    words = ("ask", atlas_dir, "sites_of", "proteins=P0DP23,P04637")
    rows = json.loads(attlas(*words, "--format", "json").out)
    assert [row["accession"] for row in rows] == ["P04637"] * 3 + ["P0DP23"] * 3
    assert attlas(*words, "-o", tmp_path / "sites.csv").code == 0
    with (tmp_path / "sites.csv").open() as file:
        assert [row["around"] for row in csv.DictReader(file)] == [row["around"] for row in rows]
    assert attlas(*words, "-o", tmp_path / "sites.parquet").code == 0
    schema = pq.read_schema(tmp_path / "sites.parquet")
    assert json.loads(schema.metadata[b"attlas"])["parameters"] == {"proteins": ["P0DP23", "P04637"], "flank": 5}


def test_the_sql_of_ask_is_asked_with_sql(attlas: Run, atlas_dir: Path) -> None:
    words = ("ask", atlas_dir, "residue_enrichment", "proteins=P0DP23,P04637", "z=3.02")
    text = attlas(*words, "--sql").out
    assert text.startswith("WITH searched AS (")
    assert attlas("sql", atlas_dir, text, "--format", "csv").out == attlas(*words, "--format", "csv").out


@pytest.mark.thorough
def test_ask_says_on_stderr_what_it_leaves_out(attlas: Run, atlas_dir: Path) -> None:
    done = attlas("ask", atlas_dir, "runner_ups", "proteins=Q00003,P0DP23")
    assert (done.code, done.err) == (0, "attlas: Q00003 was not computed (skipped: inner `*`)\n")


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("sites_of", "P0DP23"), "given as NAME=VALUE.\n  - P0DP23"),
        (("sites_of", "proteins=P0DP23", "proteins=P04637"), "A parameter is given twice.\n  - proteins"),
        (("sites_of", "=x"), "given as NAME=VALUE.\n  - =x"),
        (("sites_of",), "the parameters are\n    proteins (proteins): Ids of proteins.\n    flank = 5"),
        (("nothing",), "There is no question 'nothing'"),
        (("absent.sql",), "There is no such file: absent.sql"),
        (("sites_of", "proteins=P0DP23", "-o", "x.xyz"), "is no format"),
    ],
)
def test_ask_refuses_without_a_traceback(attlas: Run, atlas_dir: Path, words: tuple, what: str) -> None:
    done = attlas("ask", atlas_dir, *words)
    assert done.code == 1
    assert what in done.err
    assert "Traceback" not in done.err


@pytest.mark.thorough
def test_ask_has_a_time_limit_and_a_memory_limit(attlas: Run, atlas_dir: Path, tmp_path: Path) -> None:
    header = "".join(f"-- {field}: x\n" for field in ("title", "topic", "answers", "grain", "source"))
    slow, memory = tmp_path / "slow.sql", tmp_path / "memory.sql"
    slow.write_text(f"{header}SELECT count(*) AS x FROM range(1000000) a, range(1000000) b WHERE hash(a, b) % 7 = 3")
    memory.write_text(f"{header}SELECT current_setting('memory_limit') AS x")
    done = attlas("ask", atlas_dir, slow, "--timeout", "0.5")
    assert (done.code, done.out) == (1, "")
    assert "stopped after 0.5 s" in done.err
    assert "100.0 MiB" in attlas("ask", atlas_dir, memory, "--memory", "100MiB", "--timeout", "0").out
    assert "is no amount of memory" in attlas("ask", atlas_dir, memory, "--memory", "much").err
