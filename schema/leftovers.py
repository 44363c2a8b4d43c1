"""What killed processes left behind: a temporary name says which process it belongs to, so that a later one removes it.

The rule: what a process of this machine left is removed once that process is gone. A file of another machine, whose
processes cannot be looked up, is removed when nobody has written to it for a day; a folder, when it has a lock
(`lock_folder`) that nobody holds. Nothing else is touched, so that no process loses a file that it is writing.
"""

import hashlib
import os
import re
import secrets
import shutil
import socket
import time
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import IO

ABANDONED_AFTER_S = 24 * 3600
"""Seconds without a write after which a file of another machine belongs to nobody; shards take minutes to write."""

LOCK_NAME = "lock"
"""The file by whose lock a folder is known to be in use, on whichever machine."""

_TEMPORARY_NAME = re.compile(r"(?P<machine>[A-Za-z0-9._]+)-(?P<pid>\d{1,10})-(?P<random>[0-9a-f]{8})-.*", re.DOTALL)


def leftover_name(kind: str, name: str) -> str:
    """Return a new name for a file or working folder of this process; if it is killed, a later process removes that.

    No two calls return the same name, on whichever machines.

    Args:
        kind: the beginning that all such names of one purpose share, such as `.tmp-publish-`.
        name: the name that the file will have, or the purpose of the folder.
    """
    return f"{kind}{_name_machine()}-{os.getpid()}-{secrets.token_hex(4)}-{name}"


def lock_folder(folder: Path) -> IO[bytes]:
    """Lock a folder until the file that is returned is closed, or this process ends, however it does.

    Where the file system has no locks, the folder has none, and its name alone says whose it is.

    Raises:
        OSError: nothing can be written to the folder.
    """
    import fcntl  # Windows, where atlases are read, has none

    path = folder / f"{LOCK_NAME}-new"
    lock = path.open("wb")
    with suppress(OSError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.rename(folder / LOCK_NAME)  # under this name only when it is locked
    return lock


def remove_leftovers(folder: Path, kind: str, *, name: str | None = None) -> None:
    """Remove what killed processes left in a folder under names of a kind, by the rule of this module.

    Folders of other machines without a lock stay, because the time of a folder does not tell when the files in it were
    written. With `name`, only what was to become a file of that name is removed: in a folder that also has files of
    others.
    """
    for path in folder.iterdir() if folder.is_dir() else ():
        if not path.name.startswith(kind) or (name is not None and not _is_for(path, kind, name)):
            continue

        is_folder = path.is_dir() and not path.is_symlink()
        match = _TEMPORARY_NAME.fullmatch(path.name.removeprefix(kind))
        if match and match["machine"] == _name_machine():
            is_left = not _is_alive(int(match["pid"]))
        elif match is None and not kind.startswith("."):
            is_left = False  # such as a user's `attlas-plan-1.log`; hidden names are those of files being written alone
        else:
            is_left = _is_unlocked(path) if is_folder else _is_abandoned(path)

        if is_left and is_folder:
            shutil.rmtree(path, ignore_errors=True)
        elif is_left:
            with suppress(OSError):  # another process removed it, or it is another user's
                path.unlink()


def _is_for(path: Path, kind: str, name: str) -> bool:
    """Return whether a path is one that `leftover_name` returned for a kind and a name, on any machine."""
    match = _TEMPORARY_NAME.fullmatch(path.name.removeprefix(kind))
    return match is not None and path.name.endswith(f"-{match['random']}-{name}")


@lru_cache(maxsize=1)
def _name_machine() -> str:
    """Return a name for what numbers this process: the machine, since it was started, or the container on it.

    Containers may share the name of their host, and each counts its processes from 1: the digest tells them apart.
    """
    host = re.sub(r"[^A-Za-z0-9.]", "_", socket.gethostname())[:40]
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        processes = str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # no Linux: no containers either
        return host
    return f"{host}.{hashlib.sha256(f'{boot} {processes}'.encode()).hexdigest()[:6]}"


def _is_alive(pid: int) -> bool:
    """Return whether a process of this machine is alive, of whichever user; a zombie is not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True

    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return status.rpartition(")")[2].split()[0] != "Z"


def _is_abandoned(path: Path) -> bool:
    """Return whether nobody has written to a file for ABANDONED_AFTER_S."""
    try:
        return time.time() - path.lstat().st_mtime > ABANDONED_AFTER_S
    except OSError:
        return False


def _is_unlocked(folder: Path) -> bool:
    """Return whether a folder has a lock that nobody holds."""
    import fcntl

    try:
        with (folder / LOCK_NAME).open("r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # it has no lock, is another user's, or in use
        return False
    return True
