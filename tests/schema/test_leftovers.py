"""What killed processes left is removed, and nothing that somebody is still writing."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from attlas.schema import leftovers
from attlas.schema.leftovers import ABANDONED_AFTER_S, leftover_name, lock_folder, remove_leftovers
from attlas.schema.publish import TEMPORARY_PREFIX

WRITE_AND_WAIT = """
import sys
from pathlib import Path
from attlas.schema.publish import publishing

with publishing(Path(sys.argv[1]) / "file") as beside:
    beside.write_bytes(b"half")
    print(beside.name, flush=True)
    sys.stdin.read()
"""

DAY = ABANDONED_AFTER_S + 60


def age(path: Path, seconds: float) -> None:
    moment = time.time() - seconds
    os.utime(path, (moment, moment))


def test_a_file_of_a_process_that_lives_stays_and_goes_with_the_next_look_after_a_kill(tmp_path: Path) -> None:
    words = [sys.executable, "-c", WRITE_AND_WAIT, str(tmp_path)]
    writer = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    name = writer.stdout.readline().strip()
    age(tmp_path / name, 2 * DAY)  # its process tells, not its age
    remove_leftovers(tmp_path, TEMPORARY_PREFIX)
    assert [path.name for path in tmp_path.iterdir()] == [name]

    # Killed and not waited for, as in a container whose first process buries nobody.
    writer.kill()
    os.waitid(os.P_PID, writer.pid, os.WEXITED | os.WNOWAIT)
    remove_leftovers(tmp_path, TEMPORARY_PREFIX)
    assert list(tmp_path.iterdir()) == []
    writer.communicate()


@pytest.mark.parametrize(("seconds", "is_removed"), [(0, False), (ABANDONED_AFTER_S - 60, False), (DAY, True)])
@pytest.mark.parametrize("name", ["node7.3fa9c2-1-0123abcd-file", "1234-file", "file"])
def test_a_file_of_another_machine_goes_when_nobody_has_written_for_a_day(
    tmp_path: Path, name: str, seconds: float, is_removed: bool
) -> None:
    path = tmp_path / f"{TEMPORARY_PREFIX}{name}"
    path.write_bytes(b"half")
    age(path, seconds)
    remove_leftovers(tmp_path, TEMPORARY_PREFIX)
    assert path.exists() is not is_removed


def test_a_folder_of_another_machine_goes_when_nobody_holds_its_lock(tmp_path: Path) -> None:
    folders = [tmp_path / f"attlas-plan-node7.3fa9c2-{pid}-0123abcd-proteins" for pid in (1, 2, 3)]
    for folder in folders:
        folder.mkdir()
        age(folder, DAY)
    with lock_folder(folders[0]):
        lock_folder(folders[1]).close()
        remove_leftovers(tmp_path, "attlas-plan-")
        assert sorted(tmp_path.iterdir()) == [folders[0], folders[2]]  # in use, and without a lock


def test_a_file_of_the_user_stays_in_the_folder_for_temporary_files(tmp_path: Path) -> None:
    path = tmp_path / "attlas-plan-17.log"
    path.touch()
    age(path, DAY)
    remove_leftovers(tmp_path, "attlas-plan-")
    assert path.exists()


def test_a_container_of_the_same_name_counts_as_another_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = leftovers._name_machine()
    with monkeypatch.context() as patched:
        patched.setattr(leftovers, "_name_machine", lambda: f"{machine.rpartition('.')[0]}.000000")
        other = tmp_path / leftover_name(TEMPORARY_PREFIX, "file")
    gone = tmp_path / leftover_name(TEMPORARY_PREFIX, "file").replace(f"-{os.getpid()}-", "-4194305-")
    for path in (other, gone):
        path.write_bytes(b"half")
    remove_leftovers(tmp_path, TEMPORARY_PREFIX)
    assert list(tmp_path.iterdir()) == [other]


def test_names_never_repeat_and_fit_a_file_system_whatever_the_machine_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(leftovers.socket, "gethostname", lambda: "a-b/c" * 50)
    leftovers._name_machine.cache_clear()
    try:
        names = {leftover_name(TEMPORARY_PREFIX, "x" * 120) for _ in range(100)}
    finally:
        leftovers._name_machine.cache_clear()
    assert len(names) == 100
    assert all(len(name) < 255 and "/" not in name for name in names)


def test_in_a_folder_with_files_of_others_only_those_of_one_name_go(tmp_path: Path) -> None:
    names = [leftover_name(TEMPORARY_PREFIX, name) for name in ("sites.bed", "other.bed", "more-sites.bed")]
    killed = [name.replace(f"-{os.getpid()}-", "-4194305-") for name in names]
    foreign = [f"{TEMPORARY_PREFIX}notes-sites.bed", "sites.bed"]
    for name in (*killed, *foreign, names[0]):
        (tmp_path / name).write_bytes(b"half")
        age(tmp_path / name, DAY)
    remove_leftovers(tmp_path, TEMPORARY_PREFIX, name="sites.bed")
    assert {path.name for path in tmp_path.iterdir()} == {*killed[1:], *foreign, names[0]}
