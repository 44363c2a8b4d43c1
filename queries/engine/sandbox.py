"""DuckDB over one atlas, locked: no file but the atlas's own is read, nothing is written but what spills to disk."""

import atexit
import glob
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import Path

import duckdb

from attlas.queries.engine.database import Database
from attlas.queries.engine.definitions import Definitions
from attlas.queries.engine.file_views import (
    FindSequences,
    find_unjoined_view,
    make_view,
    narrow_view,
    view_statements,
)
from attlas.queries.engine.narrowing import Narrowing
from attlas.queries.engine.running import telling_interrupts
from attlas.queries.engine.views import COMMENT_ON_DOCS, CREATE_DOCS, INSERT_DOCS, docs_values, quote
from attlas.queries.lookup import storage
from attlas.queries.lookup.network_errors import fault_in
from attlas.queries.lookup.storage import Root
from attlas.schema import TABLES, BrokenAtlasError, Fault, Manifest, QuestionError, Table
from attlas.schema.leftovers import leftover_name, remove_leftovers
from attlas.schema.links import locate_file

MEMORY_LIMIT = "50%"
"""What the queries of an atlas take of the machine's memory before they spill to disk."""
LEAST_MEMORY_MB = 64
"""DuckDB needs some for itself."""
SPILL_SHARE = 0.5
"""How much of the disk that is free a query may spill to."""

SPILL_PREFIX = "attlas-duckdb-"
"""How the names of the folders begin that queries spill to."""

_MEMORY = re.compile(r"(\d+(?:\.\d+)?)\s*(%|[KMGT]i?B)", re.IGNORECASE)
_UNITS = {"%": 1e9, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


@telling_interrupts()
def connect(
    root: Root, manifest: Manifest, *, memory_limit: str | None = None, find_sequences: FindSequences | None = None
) -> Database:
    """Return the database with the views of an atlas, locked.

    `find_sequences` says which sequences some accessions have, so that queries about few proteins read few files.
    `memory_limit` is what queries may take before they spill to disk, such as `4GB` or `50%` of the machine's memory.

    Raises:
        QuestionError: `memory_limit` is no amount of memory.
        BrokenAtlasError: files of the manifest are missing, cannot be read, or are links to something else.
    """
    connection, base = connect_unlocked(root, manifest, tables=(), memory_limit=memory_limit)
    links = find_linked_files(root, manifest)
    for statement in lock_statements(base, links):
        connection.execute(statement)

    def narrow(narrowing: Narrowing) -> str | None:
        return narrow_view(narrowing, base, manifest, links, find_sequences)

    @cache
    def find_unjoined(name: str) -> str | None:
        return find_unjoined_view(name, base, manifest, links)

    # A view is made when a query needs it: all of them take longer than most queries.
    late_views = {table.name: partial(make_view, table, base, manifest, links) for table in TABLES}
    definitions = Definitions(connection, late_views, partial(_explain_unreadable, root))
    return Database(connection, definitions, find_unjoined, narrow)


@telling_interrupts()
def connect_unlocked(
    root: Root, manifest: Manifest, *, tables: Sequence[Table] = TABLES, memory_limit: str | None = None
) -> tuple[duckdb.DuckDBPyConnection, str]:
    """Return the database of `connect` before it is locked, for statements of attlas alone, and its base address.

    It has views of `tables`.
    """
    links = find_linked_files(root, manifest)
    if missing := storage.missing_files(root, manifest):
        raise BrokenAtlasError(
            f"Files of {root} are missing.", offenders=missing, hint=storage.explain_unreadable(root)
        )

    # Everything that needs files is done before the caller locks the connection.
    limits = _limit_statements(_checked_memory(memory_limit or MEMORY_LIMIT))
    connection = duckdb.connect(":memory:")
    try:
        _switch_off_progress(connection)
        base = _base(connection, root, manifest)
        for statement in (*limits, *view_statements(tables, base, manifest, links), CREATE_DOCS, COMMENT_ON_DOCS):
            connection.execute(statement)
        connection.execute(INSERT_DOCS, docs_values(manifest.run.n_layers))
    except duckdb.Error as error:
        connection.close()
        raise _explain_unreadable(root, error) from error

    return connection, base


def _explain_unreadable(root: Root, error: duckdb.Error) -> Fault:
    """Return the error for views that cannot be made of the files of an atlas."""
    message = f"The tables of {root} cannot be read."
    return fault_in(str(error)) or BrokenAtlasError(message, found=str(error), hint=storage.explain_unreadable(root))


def find_linked_files(root: Root, manifest: Manifest) -> dict[str, str]:
    """Return the targets of the files of a directory that are links, by their paths in the manifest.

    Raises:
        BrokenAtlasError: one is a link to something else than the manifest says.
    """
    if not isinstance(root, Path):
        return {}
    links = [file for file in manifest.files if (root / file.path).is_symlink()]
    return {file.path: str(locate_file(root, file).resolve()) for file in links}


def _checked_memory(text: str) -> str:
    size = _MEMORY.fullmatch(text.strip())
    if size is None or float(size[1]) * _UNITS[size[2].upper()[0]] < _UNITS["M"] * LEAST_MEMORY_MB:
        expected = f"such as 4GB, 500MB or 50% (of this machine's), at least {LEAST_MEMORY_MB}MB"
        raise QuestionError(f"{text!r} is no amount of memory.", expected=expected)
    return text.strip()


def _base(connection: duckdb.DuckDBPyConnection, root: Root, manifest: Manifest) -> str:
    """Return the address below which DuckDB finds the files, with a slash at its end."""
    if isinstance(root, Path):
        return f"{root.resolve()}/"
    from attlas.queries.engine import remote_views  # imports fsspec

    return remote_views.register(connection, root, manifest)


def _switch_off_progress(connection: duckdb.DuckDBPyConnection) -> None:
    """Let DuckDB draw no progress bar. In a notebook without ipywidgets there is none, and it refuses the setting."""
    with suppress(duckdb.InvalidInputException):
        connection.execute("SET enable_progress_bar = false")


def _limit_statements(memory_limit: str) -> list[str]:
    folder = Path(tempfile.gettempdir())
    remove_leftovers(folder, SPILL_PREFIX)
    # DuckDB makes it if a query outgrows memory, and removes it at the end; two connections may not share one.
    spill = folder / leftover_name(SPILL_PREFIX, "spill")
    atexit.register(shutil.rmtree, spill, ignore_errors=True)  # for a stream that nobody read to its end

    return [
        f"SET memory_limit = {quote(memory_limit)}",
        f"SET temp_directory = {quote(str(spill))}",
        f"SET max_temp_directory_size = '{int(shutil.disk_usage(folder).free * SPILL_SHARE)}B'",
        # Else `FROM x` finds Python variables of whoever calls us; GLOBAL, because queries run on cursors.
        "SET GLOBAL python_enable_replacements = false",
        "SET autoinstall_known_extensions = false",
        "SET autoload_known_extensions = false",
    ]


def lock_statements(base: str, links: Mapping[str, str]) -> list[str]:
    """Return the statements after which a connection reads nothing but the files below `base`, and those linked to."""
    # The order matters: directories are allowed first, then all else is closed, then the settings themselves.
    allowed = dict.fromkeys([base, glob.escape(base)])  # a view names its files by pattern, see `file_views`
    allowed_links = dict.fromkeys(name for path in links.values() for name in (path, glob.escape(path)))
    return [
        f"SET allowed_directories = [{', '.join(map(quote, allowed))}]",
        f"SET allowed_paths = [{', '.join(map(quote, allowed_links))}]",
        "SET enable_external_access = false",
        "SET lock_configuration = true",
    ]
