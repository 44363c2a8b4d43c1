"""The website of a release: what its page is told, and how it lies among the files."""

import json
import re
from pathlib import Path

import pytest
from helpers.command_line import Run
from helpers.footer_case import cutting_proteins, reading_by_parts
from helpers.page_case import CONTACTS_SETTINGS, HOSTILE_TEXT
from helpers.synthetic import SyntheticProtein, write_atlas

from attlas.queries import Atlas
from attlas.queries.page.release_page import COLUMNS, release_page
from attlas.schema import TABLES, AtlasPaths, Manifest
from attlas.schema.footer_parts import read_footer_parts
from attlas.schema.verify import find_problems

pytestmark = pytest.mark.slow


def told(html: str) -> dict:
    """Return the values that a page has of its release."""
    return json.loads(re.findall(r'<script type="application/json" id="attlas-release">(.*?)</script>', html)[0])


@pytest.mark.thorough
def test_a_release_with_pages_names_its_start_page_everywhere(attlas: Run, page_dir: Path, tmp_path: Path) -> None:
    done = attlas("publish", page_dir, "-o", tmp_path / "release", "--pages", "--url", "https://example.org/a")
    assert done.code == 0
    assert "index.html is the start page" in done.err
    release = tmp_path / "release"
    assert re.search(r"^[0-9a-f]{64}  index\.html$", (release / "SHA256SUMS").read_text(), re.MULTILINE)
    assert "https://example.org/a/index.html finds any protein" in (release / "README.md").read_text()
    files = {file["name"]: file for file in json.loads((release / "croissant.json").read_text())["distribution"]}
    assert files["index.html"]["encodingFormat"] == "text/html"
    assert find_problems(AtlasPaths(release), Manifest.read(AtlasPaths(release))) == []

    with Atlas.open(release) as atlas:
        facts = told((release / "index.html").read_text())
        assert {name: [file["path"] for file in files] for name, files in facts["tables"].items()} == {
            name: [file.path for file in atlas.manifest.files if file.table == name] for name in facts["tables"]
        }
        for files in facts["tables"].values():
            for file in files:
                assert (release / file["path"]).stat().st_size == file["n_bytes"]


def test_a_page_is_told_the_columns_it_reads_and_the_settings_of_passes(page_dir: Path) -> None:
    with Atlas.open(page_dir) as atlas:
        facts = told(release_page(atlas, title="T"))
    stored = {table.name: {column.name for column in table.stored()} for table in TABLES}
    for table, names in COLUMNS.items():
        assert facts["columns"][table] == list(names)
        assert set(names) <= stored[table]
    assert {file["settings"]["max_length"] for file in facts["tables"]["contacts"]} == {CONTACTS_SETTINGS["max_length"]}


@pytest.mark.thorough
def test_a_page_is_told_where_the_row_groups_of_a_large_proteins_are(page_dir: Path, tmp_path: Path) -> None:
    proteins = [SyntheticProtein(f"A{i:03}", "MKVLAAGIVGLC" + "A" * i) for i in range(101)]
    with cutting_proteins(3), reading_by_parts():
        write_atlas(tmp_path / "atlas", proteins)
        with Atlas.open(tmp_path / "atlas") as atlas:
            (file,) = told(release_page(atlas, title="T"))["tables"]["proteins"]
            parts = read_footer_parts(tmp_path / "atlas" / file["path"])
    assert parts is not None
    assert file["footer_parts"] == {"first_byte": parts.first_byte, "part_bytes": parts.part_bytes, "group_rows": 3}

    with Atlas.open(page_dir) as atlas:
        (file,) = told(release_page(atlas, title="T"))["tables"]["proteins"]
    assert "footer_parts" not in file


def test_a_release_page_asks_its_own_host_only_and_shows_titles_as_text(page_dir: Path) -> None:
    with Atlas.open(page_dir) as atlas:
        html = release_page(atlas, title=HOSTILE_TEXT)
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    assert "connect-src 'self'" in policy
    assert "'unsafe-inline'" not in re.findall(r"script-src ([^;]*)", policy)[0]
    assert "<img src=x" not in html
    assert told(html)["title"] == HOSTILE_TEXT


def test_a_release_without_structures_does_not_carry_the_viewer(atlas: Atlas, page_dir: Path) -> None:
    with Atlas.open(page_dir) as annotated:
        assert len(release_page(annotated, title="T")) - len(release_page(atlas, title="T")) > 400_000


@pytest.mark.thorough
def test_without_the_option_a_release_has_no_pages(attlas: Run, page_dir: Path, tmp_path: Path) -> None:
    assert attlas("publish", page_dir, "-o", tmp_path / "release").code == 0
    assert not (tmp_path / "release" / "index.html").exists()
