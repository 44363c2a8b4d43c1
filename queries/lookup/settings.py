"""The settings that an added table was computed with, from the metadata of its Parquet files."""

from typing import Any

from attlas.queries.lookup.parquet_rows import open_parquet
from attlas.queries.lookup.remote import RemoteRoot
from attlas.queries.lookup.storage import Root
from attlas.schema import ADDED_TABLES, AtlasPaths, Computation, Manifest, Table, TableFile


def settings_of(root: Root, manifest: Manifest, table: Table) -> dict[str, Any]:
    """Return the settings on which all files of an added table agree, by name, as the table declares them.

    Raises:
        BrokenAtlasError: a file of the table is missing or no Parquet.
    """
    computations = [_computation(root, table, file) for file in manifest.of_table(table)]
    example, *other_computations = computations or [Computation()]
    return {
        name: value
        for name, value in example.settings.items()
        if all(
            name in computation.settings and computation.settings[name] == value for computation in other_computations
        )
    }


def settings_of_tables(root: Root, manifest: Manifest) -> dict[str, dict[str, Any]]:
    """Return the settings of every added table that has files, as `settings_of`, by the table's name.

    Raises:
        BrokenAtlasError: as `settings_of`.
    """
    tables = [table for table in ADDED_TABLES if table.settings and manifest.of_table(table)]
    return {table.name: settings_of(root, manifest, table) for table in tables}


def settings_of_sequence(root: Root, manifest: Manifest, table: Table, sequence_id: int) -> dict[str, Any]:
    """Return the settings of the file of an added table that holds a sequence, or would: one file is read, not all.

    Raises:
        BrokenAtlasError: the file is missing or no Parquet.
    """
    for file in manifest.of_table(table).holding(sequence_id, sequence_id):
        if file.first_sequence_id is not None:
            return settings_of_file(root, table, file)
    return settings_of(root, manifest, table)


def settings_where_computed(
    root: Root, manifest: Manifest, table: Table, sequence_id: int, *, length: int
) -> dict[str, Any] | None:
    """Return the settings that a sequence was computed with in an added table; None where it has not been computed.

    That is where the atlas has no such table, or its `max_length` left out sequences of this length, in residues.

    Raises:
        BrokenAtlasError: as `settings_of_sequence`.
    """
    if not manifest.of_table(table):
        return None
    settings = settings_of_sequence(root, manifest, table, sequence_id)
    max_length = settings.get("max_length")
    return None if max_length is not None and length > max_length else settings


def settings_of_file(root: Root, table: Table, file: TableFile) -> dict[str, Any]:
    """Return the settings in the metadata of one file of an added table.

    Raises:
        BrokenAtlasError: the file is missing or no Parquet.
    """
    return dict(_computation(root, table, file).settings)


def changed_sources(root: Root, manifest: Manifest, table: Table) -> list[Table]:
    """Return the tables that have changed since an added table was computed from them.

    It is judged by one of its files, as one run writes them all; where types of labels have runs of their own, by each.
    Empty for a release: it holds the same rows in other files, and cannot be renewed.

    Raises:
        BrokenAtlasError: the file is missing or no Parquet.
    """
    files = manifest.of_table(table)
    if not files or isinstance(root, RemoteRoot) or not AtlasPaths(root).plan.is_file():
        return []
    digests = [_computation(root, table, file).computed_from for file in (files if table.is_by_type else [files[0]])]
    return [
        source
        for source in table.computed_from
        if any(source.name in of and of[source.name] != manifest.digest_of(source) for of in digests)
    ]


def _computation(root: Root, table: Table, file: TableFile) -> Computation:
    with open_parquet(root, file) as parquet:
        return Computation.parse(table, parquet.schema_arrow.metadata)
