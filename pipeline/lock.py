"""The lock of an atlas directory, and the files that killed processes left in it."""

import errno
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from attlas.schema import ADDED_TABLES, SHARD_TABLES, AtlasPaths, PlanError
from attlas.schema.links import refuse_links_to_write
from attlas.schema.publish import TEMPORARY_PREFIX, write_fault


@contextmanager
def hold_lock(paths: AtlasPaths, *, is_shared: bool = False) -> Iterator[None]:
    """Hold the lock of the directory: exclusively for build, plan and seal, shared among `encode` processes.

    The lock ends with the process, however it dies.

    Raises:
        PlanError: another process holds the lock, or the directory exists and is no atlas.
        BrokenAtlasError: folders, or files that are not a table's, are symbolic links: nothing is written through one.
        EnvironmentFault: the directory cannot be written.
    """
    _refuse_foreign(paths)
    refuse_links_to_write(paths)
    try:
        paths.root.mkdir(parents=True, exist_ok=True)
        handle = paths.lock.open("a")
    except OSError as error:
        raise write_fault(paths.root, error) from error

    with handle:
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise write_fault(paths.lock, error) from error
            raise PlanError(
                f"Another attlas process is writing to {paths.root}.",
                hint=f"wait for it (see `attlas status {paths.root}`), or build into another directory",
            ) from None

        if not is_shared:
            _remove_temporary_files(paths)
        yield


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
    if foreign and paths.plan.name not in names:
        raise PlanError(
            f"{root} is no atlas: it holds other files.",
            expected="a new or empty directory, or one begun by attlas",
            found=", ".join(sorted(foreign)[:5]),
            hint="choose another --out",
        )


def _remove_temporary_files(paths: AtlasPaths) -> None:
    """Remove files that killed processes left half-written."""
    files = [paths.plan, paths.planned_proteins, paths.proteins, paths.receipt(1)]
    tables = [paths.shard(table, 1) for table in SHARD_TABLES] + [paths.added(table, "any") for table in ADDED_TABLES]
    for folder in {path.parent for path in [*files, *tables]}:
        for leftover in folder.glob(f"{TEMPORARY_PREFIX}*"):
            leftover.unlink(missing_ok=True)
