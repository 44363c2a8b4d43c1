"""The lock of an atlas directory, where the file system has locks and where it has none."""

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from attlas.pipeline.lock import HAS_NO_LOCKS, hold_lock
from attlas.schema import AtlasPaths, EnvironmentFault, PlanError
from attlas.schema.leftovers import leftover_name
from attlas.schema.publish import TEMPORARY_PREFIX

HOLD = """
import sys
from pathlib import Path
from attlas.pipeline.lock import hold_lock
from attlas.schema import AtlasPaths

with hold_lock(AtlasPaths(Path(sys.argv[1])), is_shared=sys.argv[2] == "shared"):
    print("held", flush=True)
    sys.stdin.read()
"""


def fail_with(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every `flock` fail, as on a file system that cannot be had here."""

    def fail(handle: IO[str], operation: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", fail)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("holder", "is_shared", "is_refused"),
    [("exclusive", False, True), ("exclusive", True, True), ("shared", False, True), ("shared", True, False)],
)
def test_a_lock_keeps_other_processes_out_unless_both_encode(
    tmp_path: Path, holder: str, is_shared: bool, is_refused: bool
) -> None:
    words = [sys.executable, "-c", HOLD, str(tmp_path), holder]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        if is_refused:
            with (
                pytest.raises(PlanError, match="Another attlas process is writing"),
                hold_lock(AtlasPaths(tmp_path), is_shared=is_shared),
            ):
                pass
        else:
            with hold_lock(AtlasPaths(tmp_path), is_shared=is_shared):
                pass
    finally:
        process.communicate("")
    with hold_lock(AtlasPaths(tmp_path)):
        pass


@pytest.mark.parametrize("is_shared", [True, False])
def test_the_locked_file_is_open_for_reading_and_writing_which_nfs_asks_for(
    tmp_path: Path, is_shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[int] = []
    monkeypatch.setattr(
        fcntl, "flock", lambda handle, operation: modes.append(fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE)
    )
    with hold_lock(AtlasPaths(tmp_path), is_shared=is_shared):
        pass
    assert modes == [os.O_RDWR]


@pytest.mark.parametrize("code", sorted(HAS_NO_LOCKS))
@pytest.mark.parametrize(
    ("is_shared", "sentence"),
    [(True, "`encode` needs none, as long as"), (False, "no other attlas process writes there until")],
)
def test_where_there_are_no_locks_the_work_goes_on_and_a_sentence_says_so(
    tmp_path: Path,
    code: int,
    is_shared: bool,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fail_with(code, monkeypatch)
    with hold_lock(AtlasPaths(tmp_path), is_shared=is_shared):
        pass
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"attlas: the file system of {tmp_path} has no locks")
    assert sentence in line


@pytest.mark.parametrize("code", [errno.EAGAIN, errno.EACCES])
def test_both_errors_of_a_lock_that_is_held_say_that_another_process_writes(
    tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_with(code, monkeypatch)
    with pytest.raises(PlanError, match="Another attlas process is writing"), hold_lock(AtlasPaths(tmp_path)):
        pass


@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE])
def test_any_other_error_of_the_lock_ends_the_command_and_names_the_file(
    tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_with(code, monkeypatch)
    with pytest.raises(EnvironmentFault, match=r"\.lock cannot be written"), hold_lock(AtlasPaths(tmp_path)):
        pass


def test_who_holds_the_lock_alone_removes_what_killed_processes_left_before_and_after(tmp_path: Path) -> None:
    paths = AtlasPaths(tmp_path)
    paths.planned_proteins.parent.mkdir()

    def leave() -> Path:
        name = leftover_name(TEMPORARY_PREFIX, "proteins.parquet").replace(f"-{os.getpid()}-", "-4194305-")
        path = paths.planned_proteins.with_name(name)
        path.write_bytes(b"half")
        return path

    before = leave()
    with hold_lock(paths, is_shared=True):
        assert before.exists()
    with hold_lock(paths):
        assert not before.exists()
        after = leave()
    assert not after.exists()
