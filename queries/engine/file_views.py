"""The views of an atlas over its files: over all of them, without a join, or over those that can hold few proteins."""

import glob
from collections.abc import Callable, Iterator, Mapping, Sequence

from attlas.queries.engine.narrowing import Narrowing
from attlas.queries.engine.views import (
    docs_statements,
    provenance_statements,
    unjoined_view_statement,
    view_statement,
)
from attlas.queries.provenance import provenance_rows
from attlas.schema import TABLES, Manifest, Table, TableFile

FEW_FILES = 8
"""Files of a table up to which all are read: to look up an accession takes longer than to open them."""

FindSequences = Callable[[Sequence[str]], set[int]]
"""Returns the `sequence_id` of each of some accessions that the atlas has."""


def view_statements(base: str, manifest: Manifest, links: Mapping[str, str]) -> Iterator[str]:
    """Yield the statements that make the views of an atlas, those of its documentation and provenance, too.

    Args:
        base: what the addresses of its files begin with.
        manifest: names the files.
        links: targets of the files that are links, by their paths in the manifest.
    """
    n_layers = manifest.run.n_layers

    for table in TABLES:
        yield view_statement(table, _list_paths(table, base, manifest, links), n_layers)

    yield from docs_statements(n_layers)
    yield from provenance_statements(provenance_rows(manifest))


def unjoined_views(base: str, manifest: Manifest, links: Mapping[str, str]) -> dict[str, str]:
    """Return the CREATE VIEW of each table without a join that multiplies rows; none where accessions share one."""
    counts = manifest.counts
    if counts.n_ok + counts.n_failed != counts.n_sequences:
        return {}
    views = {
        table.name: unjoined_view_statement(table, _list_paths(table, base, manifest, links), manifest.run.n_layers)
        for table in TABLES
    }
    return {name: statement for name, statement in views.items() if statement is not None}


def narrow_view(
    narrowing: Narrowing,
    base: str,
    manifest: Manifest,
    links: Mapping[str, str],
    find_sequences: FindSequences | None,
) -> str | None:
    """Return the CREATE VIEW of the files of a table that can hold some proteins; None where that would save little."""
    table = next((table for table in TABLES if table.name == narrowing.table), None)
    n_files = len(manifest.of_table(table)) if table else 0
    if table is None or n_files <= FEW_FILES or len(narrowing.values) > n_files:
        return None

    if narrowing.column == "accession":
        if find_sequences is None:
            return None
        sequence_ids = find_sequences([str(value) for value in narrowing.values])
    else:
        sequence_ids = {int(value) for value in narrowing.values}

    paths = _list_paths(table, base, manifest, links, sequence_ids)
    return view_statement(table, paths, manifest.run.n_layers).replace("CREATE VIEW", "CREATE TEMPORARY VIEW", 1)


def _list_paths(
    table: Table, base: str, manifest: Manifest, links: Mapping[str, str], sequence_ids: set[int] | None = None
) -> list[str]:
    """Return the files of a table that have rows, of these sequences where they are given, as DuckDB is told them."""
    files = [file for file in manifest.of_table(table) if file.n_rows]
    if sequence_ids is not None:
        files = [file for file in files if any(_may_hold(file, n) for n in sequence_ids)]
    # DuckDB takes every name for a pattern: `*`, `?` and `[` in the name of a directory stand for themselves.
    return [glob.escape(links.get(file.path, base + file.path)) for file in files]


def _may_hold(file: TableFile, sequence_id: int) -> bool:
    if file.first_sequence_id is None or file.last_sequence_id is None:
        return True
    return file.first_sequence_id <= sequence_id <= file.last_sequence_id
