"""The temporary folders of this process, so that it can remove them also where it ends without unwinding.

A process that is killed removes nothing: then a later process does (`leftovers`).
"""

import shutil
from contextlib import suppress
from pathlib import Path

_FOLDERS: set[Path] = set()


def remember_folder(folder: Path) -> None:
    """Have a folder, which is or will be there, removed by `remove_remembered_folders`."""
    _FOLDERS.add(folder)


def remove_folder(folder: Path) -> None:
    """Remove a folder with all that is in it, as far as that can be removed, and forget it."""
    shutil.rmtree(folder, ignore_errors=True)
    _FOLDERS.discard(folder)


def remove_remembered_folders() -> None:
    """Remove the folders of this process that are left; no other thread may need them any more."""
    for folder in tuple(_FOLDERS):
        # Under another name first: another thread that still writes into it finds it no more.
        unused_folder = folder.with_name(f"{folder.name}-unused")
        with suppress(OSError):
            folder.rename(unused_folder)
        shutil.rmtree(unused_folder, ignore_errors=True)
        remove_folder(folder)
