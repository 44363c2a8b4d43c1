"""Temporary folders go when they are not needed any more, at Ctrl-C, too, whatever the main thread does meanwhile."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from attlas.schema.temporary_folders import remember_folder, remove_folder, remove_remembered_folders

INTERRUPTED = """
import os, signal
from contextlib import ExitStack
from attlas.cli.interrupting import stopping_at_once
from attlas.pipeline import mirror
from attlas.pipeline.proteins.workspace import Workspace

mirror.Mirror.fetch = lambda self: None
with stopping_at_once("stopped"), ExitStack() as stack:
    workspace = Workspace()
    for folder in (workspace.folder, stack.enter_context(mirror.open_mirror("s3://bucket/atlas")).paths.root):
        (folder / "table").write_bytes(bytes(1000))
        print(folder, flush=True)
    os.kill(os.getpid(), signal.SIGINT)
    for i in range(10**9):
        (workspace.folder / str(i)).touch()
"""
"""A process that makes the folders of a planner and of a working copy, and goes on writing after Ctrl-C."""


@pytest.mark.slow
def test_ctrl_c_removes_the_folders_of_the_planner_and_of_the_working_copy(tmp_path: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-c", INTERRUPTED],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    folders = [Path(line) for line in process.stdout.splitlines()]
    assert [folder.name[:11] for folder in folders] == ["attlas-plan", "attlas-stor"]
    assert {folder.parent for folder in folders} == {tmp_path}
    assert list(tmp_path.iterdir()) == []
    assert (process.returncode, process.stderr) == (130, "attlas: stopped\n")


def test_of_the_folders_of_a_process_those_that_are_left_are_removed(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("used", "unused", "another")]
    for folder in folders:
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / "file").touch()
    for folder in folders[:2]:
        remember_folder(folder)
    remove_folder(folders[1])
    folders[1].mkdir()  # under that name by somebody else
    remove_remembered_folders()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["another", "unused"]
