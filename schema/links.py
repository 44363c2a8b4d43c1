"""Symbolic links inside an atlas, which may be somebody else's: folders are refused, files followed by digest alone.

Caches of hubs and git-annex keep the files of a data set as links to where their bytes lie, so that a reader follows
them. A link to anything but those bytes would have an atlas read, change or remove files of whoever opens it.
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
        BrokenAtlasError: some are; names them.
    """
    if links := [folder.name for folder in paths.folders if folder.is_symlink()]:
        raise BrokenAtlasError(
            f"Folders of {paths.root} are symbolic links, which are not followed.",
            expected="folders of the atlas's own",
            offenders=[_arrow(paths.root / name, name) for name in links],
            hint="copy what they point to in their place, if it is yours",
        )


def refuse_links_to_write(paths: AtlasPaths) -> None:
    """Refuse to write into an atlas whose folders, plan, manifest or receipts are links.

    A table's file that is a link is written in its place: the link goes, what it points to stays as it is.

    Raises:
        BrokenAtlasError: some are; names them.
    """
    refuse_linked_folders(paths)
    receipts = list(os.scandir(paths.receipts)) if paths.receipts.is_dir() else []
    single = [paths.plan, paths.planned_proteins, paths.manifest, paths.manifest_before, paths.lock]
    links = [path for path in single if path.is_symlink()]
    links += [Path(entry.path) for entry in receipts if entry.is_symlink()]
    if links:
        raise BrokenAtlasError(
            f"Files of {paths.root} are symbolic links, which no verb that writes follows.",
            expected="files of the atlas's own",
            offenders=sorted(_arrow(path, paths.relative(path)) for path in links),
            hint="copy what they point to in their place, if it is yours",
        )


def checked_path(root: Path, file: TableFile) -> Path:
    """Return the path of a file that a manifest names, after a link has been checked by the digest of its bytes.

    A file that is no link costs no more than looking whether it is one.

    Raises:
        BrokenAtlasError: the file is a link, or lies in a folder that is one, to anything but the bytes it should have.
    """
    path = root / file.path
    if path.parent.is_symlink():
        refuse_linked_folders(AtlasPaths(root))
    if path.is_symlink() and not _has_bytes_of(path, file):
        raise BrokenAtlasError(
            f"{path} is a symbolic link to something else than the manifest says.",
            expected=f"{file.n_bytes:,} bytes, sha256 {file.sha256}",
            found=str(path.readlink()),
            hint="copy the file again from where the atlas is whole",
        )
    return path


def refuse_wrong_links(root: Path, files: Iterable[TableFile]) -> None:
    """Check every file that is a link, as `checked_path` does. Raises BrokenAtlasError."""
    for file in files:
        checked_path(root, file)


def _has_bytes_of(path: Path, file: TableFile) -> bool:
    try:
        status = path.stat()
        return (
            path.is_file()  # a pipe or a device is never opened
            and status.st_size == file.n_bytes
            and _sha256_of(str(path.resolve()), status.st_ino, status.st_size, status.st_mtime_ns) == file.sha256
        )
    except OSError:
        return False


@lru_cache(maxsize=4096)
def _sha256_of(path: str, inode: int, n_bytes: int, modified_ns: int) -> str:
    """Return the SHA-256 of a file; known again by inode, size and time, so that each is read once per process."""
    return file_sha256(Path(path))


def _arrow(path: Path, name: str) -> str:
    return f"{name} -> {path.readlink()}"
