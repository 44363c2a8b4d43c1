"""Links and pipes inside an atlas, which may be a stranger's: linked folders are refused, linked files are checked.

Caches of hubs and git-annex keep the files of a data set as links to where their bytes are, so a reader follows them.
A link to any other bytes could make a command read, change or remove files of the person who opens the atlas.
"""

import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from attlas.schema.errors import BrokenAtlasError
from attlas.schema.paths import AtlasPaths
from attlas.schema.publish import file_sha256
from attlas.schema.table_file import TableFile


def refuse_linked_folders(paths: AtlasPaths) -> None:
    """Refuse an atlas whose folders are links. The path of the atlas itself may be one.

    Raises:
        BrokenAtlasError: there are such links; names them.
    """
    if links := [folder.name for folder in paths.folders if folder.is_symlink()]:
        raise BrokenAtlasError(
            f"Folders of {paths.root} are symbolic links, which are not followed.",
            expected="folders, not links",
            offenders=[_show_link(paths.root / name, name) for name in links],
            hint="copy what they point to in their place, if it is yours",
        )


def refuse_links_to_write(paths: AtlasPaths) -> None:
    """Refuse to write into an atlas whose folders, plan, manifest or receipts are links.

    A table's file that is a link is replaced by a file: the link is removed, its target stays as it is.

    Raises:
        BrokenAtlasError: there are such links; names them.
    """
    refuse_linked_folders(paths)
    receipts = list(os.scandir(paths.receipts)) if paths.receipts.is_dir() else []
    files = [paths.plan, paths.manifest, paths.manifest_before, paths.lock]
    files += paths.planned_proteins.parent.glob("*.parquet")
    links = [path for path in files if path.is_symlink()]
    links += [Path(entry.path) for entry in receipts if entry.is_symlink()]

    if links:
        raise BrokenAtlasError(
            f"Files of {paths.root} are symbolic links, which no command that writes follows.",
            expected="files, not links",
            offenders=sorted(_show_link(path, paths.relative(path)) for path in links),
            hint="copy what they point to in their place, if it is yours",
        )


def refuse_pipes(folder: Path) -> None:
    """Refuse a folder with a pipe, a socket or a device in it, which a reader would wait for without end.

    Raises:
        BrokenAtlasError: there is such a thing; names it.
    """
    if not folder.is_dir():
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.is_file() and not entry.is_dir() and Path(entry.path).exists():
                raise _no_regular_file(Path(entry.path))


def locate_file(root: Path, file: TableFile) -> Path:
    """Return the path of a file that a manifest names; a link is followed after the digest of its bytes was checked.

    For a file that is no link, the check costs one look at the file system.

    Raises:
        BrokenAtlasError: the file is a link to other bytes than the manifest says, or its folder is a link; or it is
            no file, but a pipe, a socket or a device.
    """
    path = root / file.path
    if path.parent.is_symlink():
        refuse_linked_folders(AtlasPaths(root))
    if path.is_symlink() and not _has_right_bytes(path, file):
        raise BrokenAtlasError(
            f"{path} is a symbolic link to something else than the manifest says.",
            expected=f"{file.n_bytes:,} bytes, sha256 {file.sha256}",
            found=str(path.readlink()),
            hint="copy the file again from where the atlas is whole",
        )
    if not path.is_file() and path.exists():  # of a file that is missing, the error of who opens it
        raise _no_regular_file(path)
    return path


def refuse_wrong_links(root: Path, files: Iterable[TableFile]) -> None:
    """Check every file that is a link, as `locate_file` does. Raises BrokenAtlasError."""
    for file in files:
        locate_file(root, file)


def _has_right_bytes(path: Path, file: TableFile) -> bool:
    """Return whether the target of a link has the size and the digest that the manifest says."""
    try:
        status = path.stat()
        return (
            path.is_file()  # a pipe or a device is never opened
            and status.st_size == file.n_bytes
            and _digest_file(str(path.resolve()), status.st_ino, status.st_size, status.st_mtime_ns) == file.sha256
        )
    except OSError:
        return False


@lru_cache(maxsize=4096)
def _digest_file(path: str, inode: int, n_bytes: int, modified_ns: int) -> str:
    """Return the SHA-256 of a file; it is read once per process as long as inode, size and time stay the same."""
    return file_sha256(Path(path))


def _no_regular_file(path: Path) -> BrokenAtlasError:
    """Return the error for what is no file, and is not opened."""
    return BrokenAtlasError(
        f"{path} is no file.",
        expected="a file",
        found="a folder" if path.is_dir() else "a pipe, a socket or a device",
        hint="remove it, and copy the file again from where the atlas is whole",
    )


def _show_link(path: Path, name: str) -> str:
    return f"{name} -> {path.readlink()}"
