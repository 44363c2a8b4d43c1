"""The lock of an atlas directory: who writes to it keeps others out, on every file system that has locks."""

import errno
import fcntl
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from attlas.schema import ADDED_TABLES, SHARD_TABLES, AtlasPaths, PlanError
from attlas.schema.errors import system_fault
from attlas.schema.leftovers import remove_leftovers
from attlas.schema.links import refuse_links_to_write
from attlas.schema.publish import TEMPORARY_PREFIX
from attlas.schema.unnamed_parts import remove_unnamed_parts

IS_LOCKED = frozenset({errno.EAGAIN, errno.EACCES})
"""Errors of a lock that another process holds."""

HAS_NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EBADF})
"""Errors of a file system without locks: Lustre mounted without `flock`, NFS without its lock manager, FUSE."""


@contextmanager
def hold_lock(paths: AtlasPaths, *, is_shared: bool = False) -> Iterator[None]:
    """Hold the lock of the directory: exclusively for build, plan and seal, shared among `encode` processes.

    The lock ends with the process, however it dies. Where the file system has no locks, a sentence on stderr says so
    and the work goes on: files are published whole and one after the other, so that `encode` needs no lock, and two
    builds of one plan write the same bytes.

    Raises:
        PlanError: another process holds the lock, or the directory exists and is no atlas.
        BrokenAtlasError: folders, or files that are not a table's, are symbolic links: nothing is written through one.
        EnvironmentFault: the directory cannot be written.
    """
    _refuse_foreign(paths)
    refuse_links_to_write(paths)
    try:
        paths.root.mkdir(parents=True, exist_ok=True)
        # For reading, too: over NFS a shared lock is one for reading, which a file that is only written cannot have.
        handle = paths.lock.open("a+")
    except OSError as error:
        raise system_fault(error, paths.root) from error

    with handle:
        if not _try_lock(handle, paths, is_shared=is_shared):
            print(f"attlas: {_describe_missing_lock(paths, is_shared=is_shared)}", file=sys.stderr, flush=True)

        if not is_shared:
            _remove_temporary_files(paths)
        try:
            yield
        finally:
            if not is_shared:
                with suppress(OSError):  # whatever ends the work is said, not this
                    _remove_temporary_files(paths)  # of workers that were killed meanwhile


def _try_lock(handle: IO[str], paths: AtlasPaths, *, is_shared: bool) -> bool:
    """Lock an open file, and return False where the file system has no locks.

    `flock` and never `fcntl` as well: over NFS they are one lock, which a process would wait for itself.

    Raises:
        PlanError: another process holds the lock.
        EnvironmentFault: the lock fails otherwise.
    """
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in HAS_NO_LOCKS:
            return False
        if error.errno not in IS_LOCKED:
            raise system_fault(error, paths.lock) from error
        raise PlanError(
            f"Another attlas process is writing to {paths.root}.",
            hint=f"wait for it (see `attlas status {paths.root}`), or build into another directory",
        ) from None
    return True


def _describe_missing_lock(paths: AtlasPaths, *, is_shared: bool) -> str:
    """Return the warning to a user where nothing keeps other processes out."""
    what = f"the file system of {paths.root} has no locks"
    if is_shared:
        return f"{what}; `encode` needs none, as long as nobody plans, seals or builds there at the same time"
    return f"{what}: see to it that no other attlas process writes there until this one has ended"


def _refuse_foreign(paths: AtlasPaths) -> None:
    """Refuse a directory that holds other files than those of an atlas. Raises PlanError."""
    root = paths.root
    if not root.exists():
        return
    if not root.is_dir():
        raise PlanError(f"{root} is a file.", expected="a directory, new or with an atlas", hint="choose another --out")

    # A build that is killed before its plan was written leaves these and nothing else.
    beginnings = {paths.lock.name, paths.planned_proteins.parent.name}
    names = {entry.name for entry in root.iterdir()}
    foreign = {name for name in names - beginnings if not name.startswith(TEMPORARY_PREFIX)}
    refuse_release(paths)
    if foreign and paths.plan.name not in names:
        raise PlanError(
            f"{root} is no atlas: it holds other files.",
            expected="a new or empty directory, or one begun by attlas",
            found=", ".join(sorted(foreign)[:5]),
            hint="choose another --out",
        )


def refuse_release(paths: AtlasPaths) -> None:
    """Refuse a release, which was laid out to be read. Raises PlanError."""
    if paths.manifest.is_file() and not paths.plan.is_file():
        raise PlanError(
            f"{paths.root} is a release of an atlas: it has no plan.",
            expected="the directory in which the atlas was built",
            hint="run the command there, and publish again",
        )


def _remove_temporary_files(paths: AtlasPaths) -> None:
    """Remove files that killed processes left half-written, by the rule of `leftovers`, and list parts nobody names."""
    files = [paths.plan, paths.planned_proteins, paths.proteins, paths.receipt(1)]
    tables = [paths.shard(table, 1) for table in SHARD_TABLES] + [paths.added(table, "any") for table in ADDED_TABLES]
    for folder in {paths.list_parts, *(path.parent for path in [*files, *tables])}:
        remove_leftovers(folder, TEMPORARY_PREFIX)
    remove_unnamed_parts(paths)
