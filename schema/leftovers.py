"""What a killed process left behind: folders named for this machine and the process, removed once it is gone."""

import os
import re
import shutil
import socket
from pathlib import Path


def leftover_name(kind: str, name: str) -> str:
    """Return the name of a folder that this process works in, and that the next one removes if this is killed.

    Args:
        kind: what all such folders of one verb begin with, such as `.tmp-publish-`.
        name: what the folder is for.
    """
    return f"{kind}{_host()}-{os.getpid()}-{name}"


def remove_leftovers(folder: Path, kind: str) -> None:
    """Remove the folders of a kind whose process, of this machine, is gone; those of other machines stay."""
    pattern = re.compile(rf"{re.escape(kind + _host())}-(\d{{1,10}})-.*", re.DOTALL)
    for path in folder.iterdir() if folder.is_dir() else ():
        match = pattern.fullmatch(path.name)
        if match and not path.is_symlink() and path.is_dir() and not _is_alive(int(match[1])):
            shutil.rmtree(path, ignore_errors=True)


def _host() -> str:
    """Return the name of this machine, in letters that a file may have in its name."""
    return re.sub(r"[^A-Za-z0-9.]", "_", socket.gethostname())


def _is_alive(pid: int) -> bool:
    """Tell whether a process of this machine lives, whoever's it is."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
