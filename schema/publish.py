"""Write files under another name, fsync and rename them: a file of an atlas is either whole or not there."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from attlas.schema.errors import system_fault
from attlas.schema.leftovers import leftover_name

TEMPORARY_PREFIX = ".tmp-"
"""Name prefix of files being written; `leftovers` says which of those that remain are removed."""


@contextmanager
def publishing(path: Path) -> Iterator[Path]:
    """Yield a path in the same folder to write to; on success fsync and rename it to `path`, on failure remove it.

    The path is new with every call, on whichever machine: two processes that write the same file publish one after
    the other, each its own bytes.

    Raises:
        EnvironmentFault: the disk is full or the file cannot be written; names the file.
    """
    beside = path.with_name(leftover_name(TEMPORARY_PREFIX, path.name))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        _fsync(beside)
        beside.replace(path)
        _fsync(path.parent)
    except OSError as error:
        _remove(beside)
        raise system_fault(error, path) from error
    except BaseException:
        _remove(beside)
        raise


def publish_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path`: afterwards the file is whole, or as it was before."""
    with publishing(path) as beside:
        beside.write_bytes(data)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, lower-case hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _remove(beside: Path) -> None:
    # If the folder could not be made, the error that is being raised says so already.
    with suppress(OSError):
        beside.unlink(missing_ok=True)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
