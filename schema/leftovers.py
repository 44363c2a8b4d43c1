"""Folders that a killed process left behind: their names say which process it was, so that the next removes them."""

import os
import re
import shutil
import socket
from pathlib import Path


def leftover_name(kind: str, name: str) -> str:
    """Return the name of a working folder of this process; if it is killed, a later process removes the folder.

    Args:
        kind: the beginning that all such folders of one command share, such as `.tmp-publish-`.
        name: the purpose of the folder.
    """
    return f"{kind}{_host()}-{os.getpid()}-{name}"


def remove_leftovers(folder: Path, kind: str) -> None:
    """Remove the folders of a kind whose process ran on this machine and is gone; those of other machines stay."""
    pattern = re.compile(rf"{re.escape(kind + _host())}-(\d{{1,10}})-.*", re.DOTALL)
    for path in folder.iterdir() if folder.is_dir() else ():
        match = pattern.fullmatch(path.name)
        if match and not path.is_symlink() and path.is_dir() and not _is_alive(int(match[1])):
            shutil.rmtree(path, ignore_errors=True)


def _host() -> str:
    """Return the name of this machine, with `_` for characters that a file name may not have."""
    return re.sub(r"[^A-Za-z0-9.]", "_", socket.gethostname())


def _is_alive(pid: int) -> bool:
    """Return whether a process of this machine is alive, of whichever user."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
