"""`Atlas`: a sealed atlas opened for reading; lookups by id and SQL, answered as Arrow tables."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import pyarrow as pa

from attlas.queries.identifiers import Match, find, rows_named
from attlas.queries.parquet_rows import ProteinRows, SequenceRows
from attlas.queries.views import view_schema
from attlas.schema import (
    HEADS,
    PROTEINS,
    RESIDUES,
    SITES,
    AtlasPaths,
    BrokenAtlasError,
    Manifest,
    QuestionError,
    Table,
)

if TYPE_CHECKING:
    import duckdb

    from attlas.queries.sandbox import Parameters


class Atlas:
    """An atlas directory, open for reading; close it, or use it in a `with`.

    Ids are an accession (`P04637`, `P04637-2`), a FASTA id (`sp|P04637|P53_HUMAN`), an entry name, a gene that only
    one protein has, or the MD5 or CRC64 of a sequence, which answers for every accession that has it.
    Lookups read Parquet directly; DuckDB is imported and connected by the first `sql`.
    """

    def __init__(self, root: Path, manifest: Manifest) -> None:
        self.root = root
        """The directory."""
        self.manifest = manifest
        """What the atlas was computed from, how, and its files."""
        self._shards: dict[str, SequenceRows] = {}

    @classmethod
    def open(cls, directory: str | Path) -> Self:
        """Open an atlas; reads its manifest and nothing else.

        Raises:
            BrokenAtlasError: there is no such atlas, it is not finished, or it is of another format.
        """
        root = Path(directory)
        return cls(root, Manifest.read(AtlasPaths(root)))

    def protein(self, id: str) -> pa.Table:
        """Return the row of `proteins`; several for a digest that several accessions share.

        Raises:
            QuestionError: the id is not in the atlas, or names several different proteins.
        """
        rows = self._proteins.take(rows_named(self._proteins, id))
        return rows.cast(view_schema(PROTEINS, self.n_layers))

    def sites(self, id: str) -> pa.Table:
        """Return the high-attention sites by rank; no rows means computed, and none found.

        Raises:
            QuestionError: as `protein`; also if the protein was not computed, with the reason.
        """
        return self._lookup(SITES, id)

    def residues(self, id: str) -> pa.Table:
        """Return every residue by position, with the attention it receives in each of the L layers.

        Raises:
            QuestionError: as `sites`.
        """
        return self._lookup(RESIDUES, id)

    def heads(self, id: str) -> pa.Table:
        """Return the statistics of every head by layer and head, L x H rows.

        Raises:
            QuestionError: as `sites`.
        """
        return self._lookup(HEADS, id)

    def sql(self, query: str, params: "Parameters" = None) -> pa.Table:
        """Answer one SELECT over the views `proteins, sequences, sites, residues, heads`; `FROM docs` describes them.

        `params` are bound to `?` (a sequence) or `$name` (a mapping).

        Raises:
            QuestionError: the query is no single SELECT, or cannot be answered; says why and what columns there are.
        """
        return self.stream(query, params).read_all()

    def stream(self, query: str, params: "Parameters" = None) -> pa.RecordBatchReader:
        """Answer one SELECT like `sql`, batch by batch, for results larger than memory."""
        from attlas.queries.sandbox import select

        return select(self._connection, query, params)

    def match(self, id: str) -> Match:
        """Return what an id names here: rows of `proteins`, candidates, or similar ids. Never raises."""
        return find(self._proteins, id)

    def protein_rows(self, rows: Sequence[int]) -> pa.Table:
        """Return rows of `proteins` by number, as a `Match` holds them."""
        return self._proteins.take(rows)

    def sequence_rows(self, table: Table, sequence_id: int, columns: Sequence[str]) -> pa.Table:
        """Return stored columns of one sequence in one of the shard tables, in stored order and type."""
        if table.name not in self._shards:
            files = self.manifest.of_table(table)
            self._shards[table.name] = SequenceRows(self.root, table.schema(self.n_layers), files)
        return self._shards[table.name].of(sequence_id, columns)

    @property
    def n_layers(self) -> int:
        """Layers of the model."""
        return self.manifest.run.n_layers

    def close(self) -> None:
        """Close the files and the DuckDB connection. Safe to call twice."""
        for rows in self._shards.values():
            rows.close()
        for name in ("_proteins", "_connection"):
            if name in self.__dict__:
                self.__dict__.pop(name).close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        counts, run = self.manifest.counts, self.manifest.run
        return f"<Atlas {self.root}: {counts.n_requested:,} proteins, {run.model}, {run.rule}>"

    @cached_property
    def _proteins(self) -> ProteinRows:
        files = self.manifest.of_table(PROTEINS)
        if not files:
            raise BrokenAtlasError(f"The manifest of {self.root} names no file of `proteins`.")
        return ProteinRows(self.root, files[0])

    @cached_property
    def _connection(self) -> "duckdb.DuckDBPyConnection":
        from attlas.queries.sandbox import connect

        return connect(self.root, self.manifest)

    def _lookup(self, table: Table, id: str) -> pa.Table:
        schema = view_schema(table, self.n_layers)
        parts = [self._lookup_row(table, schema, row) for row in rows_named(self._proteins, id)]
        return pa.concat_tables(parts)

    def _lookup_row(self, table: Table, schema: pa.Schema, row: int) -> pa.Table:
        accession = self._proteins.value(row, "accession")
        if self._proteins.value(row, "status") != "ok":
            status, reason = self._proteins.value(row, "status"), self._proteins.value(row, "reason")
            raise QuestionError(f"{accession} was not computed ({status}: {reason}).")
        sequence_id = self._proteins.value(row, "sequence_id")
        stored = self.sequence_rows(table, sequence_id, [column.name for column in table.stored()])
        names = pa.array([accession] * stored.num_rows, pa.string())
        return stored.add_column(0, "accession", names).cast(schema)
