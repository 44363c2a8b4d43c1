"""Commands where something about the machine is odd: each ends with a sentence and an exit code, never a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.command_line import Run

from attlas.schema import verify

pytestmark = pytest.mark.slow

QUERY = "SELECT count(*) AS n FROM sites"
NO_TEXT = os.fsdecode(b"byte\xff")
"""A name of a folder that is allowed on Linux, and is no UTF-8."""


def words_of(verb: str, directory: object, tmp_path: Path) -> tuple[object, ...]:
    """Return the arguments of a verb that reads or seals an atlas."""
    more = {"sql": (QUERY,), "publish": ("--out", tmp_path / "release")}
    return (verb, directory, *more.get(verb, ()))


@pytest.mark.parametrize("verb", ["verify", "status", "seal", "sql", "publish"])
def test_a_path_that_is_no_text_is_refused_and_nothing_is_written(attlas: Run, tmp_path: Path, verb: str) -> None:
    directory = tmp_path / NO_TEXT
    directory.mkdir()
    done = attlas(*words_of(verb, directory, tmp_path))
    assert (done.code, done.out) == (1, "")
    assert "byte\\udcff is no text." in done.err
    assert "expected: a path in UTF-8" in done.err
    assert "to do:    rename the folder" in done.err
    assert list(directory.iterdir()) == []


def test_a_release_is_not_written_to_a_path_that_is_no_text(attlas: Run, atlas_dir: Path, tmp_path: Path) -> None:
    done = attlas("publish", atlas_dir, "--out", tmp_path / NO_TEXT)
    assert done.code == 1
    assert f"{tmp_path}/byte\\udcff is no text." in done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", ["verify", "status", "seal", "sql", "publish"])
def test_what_the_system_refuses_is_told_with_the_file_and_what_to_do(attlas: Run, tmp_path: Path, verb: str) -> None:
    done = attlas(*words_of(verb, tmp_path / ("x" * 300), tmp_path))
    assert (done.code, done.out) == (1, "")
    assert "cannot be read or written.\n  found:    File name too long\n  to do:    give a shorter name" in done.err


def test_verify_names_every_file_that_it_may_not_read(
    attlas: Run, atlas_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_sha256 = verify.file_sha256

    def refuse_sites(path: Path) -> str:
        if path.parent.name == "sites":
            raise PermissionError(13, "Permission denied", str(path))
        return file_sha256(path)

    monkeypatch.setattr(verify, "file_sha256", refuse_sites)
    done = attlas("verify", atlas_dir)
    assert done.code == 1
    names = sorted(path.name for path in (atlas_dir / "sites").iterdir())
    assert [line.strip() for line in done.err.splitlines() if "  - " in line] == [
        f"- sites/{name}: cannot be read: Permission denied" for name in names
    ]


CLOSED = {"stdout": ">&-", "stderr": "2>&-", "all": "<&- >&- 2>&-"}


@pytest.mark.thorough
@pytest.mark.parametrize("streams", CLOSED)
def test_streams_that_are_closed_change_no_exit_code(atlas_dir: Path, tmp_path: Path, streams: str) -> None:
    script = f'"$0" -m attlas.cli.main "$@" {CLOSED[streams]}'
    for words, code in (
        (("verify", atlas_dir), 0),
        (("sql", atlas_dir, QUERY), 0),
        (("export", atlas_dir, "bed", "--out", tmp_path / "sites.bed"), 0),
        (("verify", tmp_path / "nothing"), 1),
        (("nonsense",), 2),
    ):
        command = ["bash", "-c", script, sys.executable, *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
    assert (tmp_path / "sites.bed").read_text().startswith("# BED6")
