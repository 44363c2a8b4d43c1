"""The views of an atlas over its files: over all of them, without a join, or over those that can hold few proteins."""

import glob
from collections.abc import Callable, Iterator, Mapping, Sequence

from attlas.queries.engine.narrowing import Narrowing
from attlas.queries.engine.views import (
    provenance_statements,
    unjoined_view_statement,
    view_statement,
)
from attlas.queries.provenance import provenance_rows
from attlas.schema import TABLES, Manifest, Table

FEW_FILES = 8
"""Files of a table up to which all are read: to look up an accession takes longer than to open them."""

FindSequences = Callable[[Sequence[str]], set[int]]
"""Returns the `sequence_id` of each of some accessions that the atlas has."""


def view_statements(tables: Sequence[Table], base: str, manifest: Manifest, links: Mapping[str, str]) -> Iterator[str]:
    """Yield the statements that make the views of some tables, and the provenance.

    Args:
        tables: tables that get a view.
        base: what the addresses of its files begin with.
        manifest: names the files.
        links: targets of the files that are links, by their paths in the manifest.
    """
    for table in tables:
        yield make_view(table, base, manifest, links)

    yield from provenance_statements(provenance_rows(manifest))


def make_view(table: Table, base: str, manifest: Manifest, links: Mapping[str, str]) -> str:
    """Return the CREATE VIEW of a table over all its files."""
    return view_statement(table, _list_paths(table, base, manifest, links), manifest.run.n_layers)


def find_unjoined_view(name: str, base: str, manifest: Manifest, links: Mapping[str, str]) -> str | None:
    """Return the CREATE VIEW of a table without a join that multiplies rows; None where accessions share a sequence."""
    counts = manifest.counts
    table = next((table for table in TABLES if table.name == name), None)
    if table is None or counts.n_ok + counts.n_failed != counts.n_sequences:
        return None
    return unjoined_view_statement(table, _list_paths(table, base, manifest, links), manifest.run.n_layers)


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
    files = manifest.of_table(table)
    chosen_files = files if sequence_ids is None else files.holding_any(sequence_ids)
    # DuckDB takes every name for a pattern: `*`, `?` and `[` in the name of a directory stand for themselves.
    return [glob.escape(links.get(file.path, base + file.path)) for file in chosen_files if file.n_rows]
