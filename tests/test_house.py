"""The house: files the design names exist, and facts told twice agree."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]

DESIGNED = {
    ".": ["README.md", "LICENSE", "CITATION.cff", "CHANGELOG.md", "CONTRIBUTING.md", "constraints.txt", "Makefile"],
    ".ci": ["run"],
    "docs": ["log.md", "index.md", "commands.md", "building.md", "questions/index.md"],
    "schema": ["tables.py", "run.py", "manifest.py", "paths.py", "errors.py", "TABLES.md"],
    "intake": ["compression.py", "files.py", "text.py"],
    "pipeline": [
        "plan.py",
        "shard.py",
        "encoder/encoder.py",
        "attention/definitions.py",
        "sites/calling.py",
        "workers/runners.py",
    ],
    "queries": ["atlas.py", "asking/question_file.py", "exports/gff3.py"],
    "cli": ["main.py"],
    "examples": ["README.md", "proteins.fasta", "make_proteins.py", "fetch_model.py"],
}

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ROOMS = ("python", "schema", "intake", "structures", "pipeline", "queries", "serve", "assistant", "cli")
CODE = sorted(path for folder in (*ROOMS, "examples", "benchmarks", "tests") for path in (ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("folder", DESIGNED)
def test_every_file_of_the_design_exists_and_says_something(folder: str) -> None:
    files = [ROOT / folder / name for name in DESIGNED[folder]]
    assert [path.name for path in files if not path.is_file() or path.stat().st_size < 100] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "title",
    [
        "files over 350 lines",
        "files that do not say their job",
        "functions of 15 lines and more without a blank line",
        "classes that share a name with another",
        "names that differ by case only",
        "names that are no nouns",
        "tests: names that are no nouns",
        "tests: files that import more than 10 internals",
        "helpers: files that import more than 14 internals",
    ],
)
def test_the_numbers_of_the_house_that_are_nil_stay_nil(title: str, house_numbers: str) -> None:
    assert re.findall(rf"^{title}: (\d+)$", house_numbers, re.MULTILINE) == ["0"]


@pytest.mark.slow
def test_the_numbers_of_the_house_are_of_all_files(house_numbers: str) -> None:
    (n_files,) = map(int, re.findall(r"^files: (\d+)$", house_numbers, re.MULTILINE))
    (n_classes,) = map(int, re.findall(r"^names of classes: (\d+)$", house_numbers, re.MULTILINE))
    assert n_files == len(CODE) > 500
    assert n_classes > 500


@pytest.fixture(scope="module")
def house_numbers() -> str:
    script = [sys.executable, str(ROOT / "benchmarks" / "house_numbers.py")]
    return subprocess.run(script, capture_output=True, text=True, check=True).stdout


def test_ci_runs_the_suite() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert "make test" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize("target", ["help", "env", "model", "demo", "docs", "test", "lint", "bench", "clean"])
def test_make_has_the_target_and_says_what_it_does(target: str) -> None:
    assert re.search(rf"^{target}:.*## .{{10,}}", (ROOT / "Makefile").read_text(), re.MULTILINE)


def _pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {_canonical(name): version for name, version in pairs}


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_line_of_the_constraints_is_an_exact_pin_in_order() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[^+\s]+", line)] == []
    assert lines == sorted(lines, key=str.lower)
    assert _pins()["torch"] == "2.13.0"


def test_every_requirement_of_the_tests_is_pinned_within_its_bound() -> None:
    extras = PROJECT["optional-dependencies"]
    for text in [*PROJECT["dependencies"], *extras["build"], *extras["test"], *extras["lint"], *extras["docs"]]:
        requirement = Requirement(text)
        if requirement.name != PROJECT["name"]:
            assert requirement.specifier.contains(_pins()[_canonical(requirement.name)]), text


def test_the_citation_is_of_this_software_and_of_the_papers() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert (citation["version"], citation["license"]) == (PROJECT["version"], PROJECT["license"])
    first_authors = [paper["authors"][0].get("family-names", "UniProt") for paper in citation["references"]]
    assert first_authors == ["Nayar", "Lin", "Vig", "Rao", "UniProt"]
    for paper in citation["references"]:
        assert {"type", "title", "year"} <= set(paper)
        assert "doi" in paper or "identifiers" in paper


def test_the_changelog_speaks_of_this_version() -> None:
    assert PROJECT["version"] in (ROOT / "CHANGELOG.md").read_text()


def test_tests_share_nothing_but_the_package_of_helpers() -> None:
    tests = sorted((ROOT / "tests").rglob("test_*.py"))
    assert len({path.name for path in tests}) == len(tests), "two files of one name cannot run together"
    by_name = re.compile(r"^\s*(?:from|import) (?:conftest|test_\w+)\b", re.MULTILINE)
    assert [path.name for path in tests if by_name.search(path.read_text())] == []


def test_the_quick_tier_is_what_is_not_slow() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(r'^check:.*\n(?:\t.*\n)*\t.*-m "not slow"', makefile, re.MULTILINE)


def test_docstrings_name_the_thing_that_is_returned() -> None:
    opening = re.compile(r'"""(?:Return|Yield) (?:what|which) .*')
    assert [(path.name, line) for path in CODE for line in opening.findall(path.read_text())] == []
