"""What a user of Python types: `import attlas`, an atlas opened, its methods."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import attlas
from attlas.queries import Atlas
from attlas.schema import QuestionError

ROOT = Path(__file__).resolve().parents[2]
PROTEINS = "MKVLAAGIVGLCAKWYHEDRNQSTPF"
N_QUESTIONS_SHOWN = 50


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, tiny_esm: Path) -> Path:
    """Return a sealed atlas of three random-weight proteins, one of them annotated."""
    from typer.testing import CliRunner

    from attlas.cli.main import app

    folder = tmp_path_factory.mktemp("door")
    records = [f">P{i}\n{PROTEINS[i:]}{PROTEINS[:i]}\n" for i in range(3)]
    (folder / "proteins.fasta").write_text("".join(records))
    (folder / "features.csv").write_text("accession,position,label\nP0,3,Active site\n")
    runner = CliRunner()
    build = [str(folder / "proteins.fasta"), "--out", str(folder / "atlas"), "--model", str(tiny_esm), "--workers", "0"]
    for command in (["build", *build], ["annotate", str(folder / "atlas"), str(folder / "features.csv")]):
        result = runner.invoke(app, command, catch_exceptions=False)
        assert result.exit_code == 0, result.output
    return folder / "atlas"


@pytest.fixture
def atlas(place: Path):
    with attlas.open(place) as opened:
        yield opened


def test_the_version_is_that_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert attlas.__version__ == project["version"]
    printed = subprocess.run([sys.executable, "-m", "attlas.cli.main", "--version"], capture_output=True, text=True)
    assert printed.stdout == f"attlas {project['version']}\n"


def test_a_name_that_the_package_lacks_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'opne'"):
        attlas.opne  # noqa: B018


def test_open_gives_an_atlas(atlas: Atlas):
    assert isinstance(atlas, Atlas)
    assert repr(atlas).startswith("<Atlas ")
    assert atlas.protein("P1").column("accession").to_pylist() == ["P1"]


def test_features_are_those_of_the_protein_and_a_table_that_is_missing_is_named(atlas: Atlas):
    assert atlas.features("P0").select(["begin", "end", "type"]).to_pylist() == [
        {"begin": 3, "end": 3, "type": "Active site"}
    ]
    assert atlas.features("P1").num_rows == 0
    with pytest.raises(QuestionError, match=r"no table families.*\n.*attlas annotate"):
        atlas.families("P0")
    with pytest.raises(QuestionError, match=r"no table contacts.*\n.*attlas contacts"):
        atlas.contacts("P0")


def test_questions_say_which_tables_an_atlas_lacks(atlas: Atlas):
    rows = {row["name"]: row for row in atlas.questions().to_pylist()}
    assert len(rows) > N_QUESTIONS_SHOWN
    assert rows["sites_of"]["missing"] is None
    assert "head_features" in rows["best_heads"]["missing"]


@pytest.mark.thorough
@pytest.mark.parametrize("make", [pa.table, pd.DataFrame, pl.DataFrame], ids=["pyarrow", "pandas", "polars"])
def test_sql_sees_tables_that_are_handed_over_by_name(atlas: Atlas, make):
    mine = make({"accession": ["P0", "P2"], "score": [1, 2]})
    query = "SELECT accession, score, length FROM mine JOIN proteins USING (accession) ORDER BY accession"
    assert atlas.sql(query, tables={"mine": mine}).to_pylist() == [
        {"accession": "P0", "score": 1, "length": len(PROTEINS)},
        {"accession": "P2", "score": 2, "length": len(PROTEINS)},
    ]
    with pytest.raises(QuestionError, match="Table with name mine does not exist"):
        atlas.sql(query)  # of one query only, and never a variable of the caller's


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"Sites": pa.table({"a": [1]})}, "The atlas has a table sites itself"),
        ({"no name": pa.table({"a": [1]})}, "cannot be the name of a table"),
        ({"mine": 5}, "The table mine cannot be used in SQL"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(atlas: Atlas, tables: dict[str, object], message: str):
    with pytest.raises(QuestionError, match=message):
        atlas.sql("SELECT 1", tables=tables)


def test_a_table_may_have_the_name_of_an_added_table_that_the_atlas_lacks(atlas: Atlas):
    variants = pa.table({"accession": ["P0"]})
    assert atlas.sql("SELECT * FROM variants", tables={"variants": variants}).to_pylist() == [{"accession": "P0"}]


def test_an_export_is_that_of_the_command_line(atlas: Atlas, place: Path, tmp_path: Path, attlas):
    assert atlas.export("csv", tmp_path / "python.csv", ["P0", "P1"]) == [tmp_path / "python.csv"]
    result = attlas("export", place, "csv", "P0", "P1", "-o", tmp_path / "command.csv")
    assert result.code == 0, result.err
    assert (tmp_path / "python.csv").read_bytes() == (tmp_path / "command.csv").read_bytes()


def test_an_export_refuses_an_id_that_is_not_there_and_writes_nothing(atlas: Atlas, tmp_path: Path):
    with pytest.raises(QuestionError, match="nobody is not in this atlas"):
        atlas.export("csv", tmp_path / "x.csv", ["P0", "nobody"])
    assert list(tmp_path.iterdir()) == []


def test_an_export_into_an_atlas_is_refused(atlas: Atlas, place: Path):
    with pytest.raises(QuestionError, match="lies in the atlas"):
        atlas.export("csv", place / "sites.csv")


def test_a_card_is_what_show_prints_and_html_that_escapes_names(atlas: Atlas, place: Path, attlas):
    card = atlas.show("P0")
    printed = attlas("show", place, "P0")
    assert str(card).splitlines()[0] == printed.out.splitlines()[0]
    html = card._repr_html_()
    assert html.count("<rect ") == len(PROTEINS)
    assert "<table>" in html or not card.answer.sites
    with pytest.raises(QuestionError, match="nobody is not in this atlas"):
        atlas.show("nobody")


def test_a_notebook_shows_an_atlas_as_its_tables(atlas: Atlas):
    html = atlas._repr_html_()
    assert "3 proteins: 3 ok" in html
    assert "<code>sites</code>" in html
    assert "<code>contacts</code>" not in html  # without rows
