"""Tables that are kept until a plan is written: in memory where they are few, else in a temporary file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from attlas.pipeline.proteins.workspace import temporary_fault


class Spool:
    """Tables with one schema, added once, and read as often as wanted."""

    def __init__(self, schema: pa.Schema, path: Path | None) -> None:
        self._schema = schema
        self._path = path
        self._tables: list[pa.Table] = []

    @contextmanager
    def filling(self) -> "Iterator[_Filler]":
        """Yield the filler to which tables are added. Raises EnvironmentFault if the file cannot be written."""
        if self._path is None:
            yield _Filler(None, self._tables)
            return
        try:
            with pa.OSFile(str(self._path), "wb") as file, pa.ipc.new_stream(file, self._schema) as writer:
                yield _Filler(writer, self._tables)
        except OSError as error:
            raise temporary_fault(self._path, error) from error

    def __iter__(self) -> Iterator[pa.Table]:
        if self._path is None:
            yield from self._tables
            return
        with pa.OSFile(str(self._path)) as file, pa.ipc.open_stream(file) as reader:
            for batch in reader:
                yield pa.Table.from_batches([batch])


class _Filler:
    """Adds tables to a spool."""

    def __init__(self, writer: pa.ipc.RecordBatchStreamWriter | None, tables: list[pa.Table]) -> None:
        self._writer = writer
        self._tables = tables

    def add(self, table: pa.Table) -> None:
        """Add a table."""
        if self._writer is None:
            self._tables.append(table)
        else:
            self._writer.write_table(table.combine_chunks())
