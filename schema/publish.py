"""Write files under another name, fsync and rename them: a file of an atlas is either whole or not there."""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from attlas.schema.errors import EnvironmentFault
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
        raise write_fault(path, error) from error
    except BaseException:
        _remove(beside)
        raise


def write_fault(path: Path, error: OSError) -> EnvironmentFault:
    """Return the error for a file that could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error):
        hint = "free some space, then run the same command again: finished shards are kept"
        return EnvironmentFault("The disk is full.", found=f"no space left while writing {path}", hint=hint)
    hint = "check that the directory exists and that you may write to it"
    return EnvironmentFault(f"Could not write {path}.", found=str(error), hint=hint)


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
