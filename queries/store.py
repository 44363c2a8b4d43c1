"""`Store`: the tables of a sealed atlas; rows by id and SQL, answered as Arrow tables. `Atlas` stands on it."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import pyarrow as pa

from attlas.queries.engine.views import view_schema
from attlas.queries.lookup.find import (
    MOST_GROUPS,
    MOST_GROUPS_REMOTELY,
    find_proteins,
    find_structures,
    similar_words,
)
from attlas.queries.lookup.hits import MEMBER_FIT, NAME_COLUMNS, Hit, HitTable, Search
from attlas.queries.lookup.identifiers import Match, find, find_all
from attlas.queries.lookup.naming import NamedMatches, Note, match_names, match_other_case, warn
from attlas.queries.lookup.remote import RemoteRoot
from attlas.queries.lookup.storage import Root, find_root, read_manifest
from attlas.queries.lookup.text_arrays import repeated_text, text_array
from attlas.queries.lookup_tables import LookupTables
from attlas.queries.text import printable
from attlas.schema import (
    HEADS,
    PROTEINS,
    RESIDUES,
    SITES,
    Manifest,
    QuestionError,
    Table,
)
from attlas.schema.index_tables import name_key

if TYPE_CHECKING:
    from attlas.queries.engine.database import Database, Parameters


class Store:
    """The tables of an atlas, in a directory or behind a URL; close it, or use it in a `with`.

    Ids are an accession (`P04637`, `P04637-2`, `P04637.4`), a FASTA id (`sp|P04637|P53_HUMAN`), `UniProtKB:P04637`,
    `AF-P04637-F1`, an entry name, a gene that only one protein has, a gene with its taxon (`TP53@9606`), or the MD5 or
    CRC64 of a sequence, which answers for every accession that has it. Another text stands for the protein that alone
    is called so, in any letter case: an entry name, words of a name, the PDB id of a structure; a warning says so.
    Lookups read Parquet directly; DuckDB is imported and connected by the first `sql`.
    """

    def __init__(self, root: Root, manifest: Manifest, *, memory_limit: str | None = None) -> None:
        self.root = root
        """The directory, or the URL."""
        self.manifest = manifest
        """What the atlas was computed from, how, and its files."""
        self.memory_limit = memory_limit
        """What SQL may take of memory before it spills to disk, such as `4GB` or `50%`; None is half the machine's."""
        self._tables = LookupTables(root, manifest)

    @classmethod
    def open(cls, place: str | Path, *, memory_limit: str | None = None, timeout_s: float | None = None) -> Self:
        """Open an atlas in a directory or behind a URL (`https://`, `s3://`, `hf://`); reads its manifest, no more.

        `timeout_s` is how long a request to the server of a URL may take, from now on; None: ten minutes, of which a
        minute in silence.

        Raises:
            BrokenAtlasError: there is no such atlas, it is not finished, or it is of another format.
            EnvironmentFault: the URL cannot be reached, or a package that reads such URLs is missing.
        """
        root = find_root(place, timeout_s=timeout_s)
        return cls(root, read_manifest(root), memory_limit=memory_limit)

    def protein(self, id: str) -> pa.Table:
        """Return the row of `proteins`; several for a digest that several accessions share.

        Raises:
            QuestionError: the id is not in the atlas, or names several different proteins.
        """
        rows = self._tables.proteins.take(self.identify(id).rows)
        return _cast_to_view(rows, view_schema(PROTEINS, self.n_layers))

    def sites(self, id: str) -> pa.Table:
        """Return the high-attention sites by rank; no rows for a computed protein without sites.

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

    def sql(
        self,
        query: str,
        params: "Parameters" = None,
        *,
        tables: Mapping[str, object] | None = None,
        timeout_s: float | None = None,
    ) -> pa.Table:
        """Answer one SELECT over the tables of the atlas; `FROM docs` describes them.

        Args:
            query: the SELECT, in DuckDB's SQL.
            params: values for `?` (a sequence) or `$name` (a mapping).
            tables: tables of your own by the names the query calls them: pyarrow, pandas, polars, or anything else
                that hands over Arrow data.
            timeout_s: seconds after which a query is stopped; None is no limit.

        Raises:
            QuestionError: the query is not one SELECT that only reads, cannot be answered, with the place and the
                columns there are, or takes longer than `timeout_s`; or a table of `tables` cannot be used.
            EnvironmentFault: it needs more memory, or more disk to spill to, than `memory_limit` and the disk give.
        """
        return self.stream(query, params, tables=tables, timeout_s=timeout_s).read_all()

    def stream(
        self,
        query: str,
        params: "Parameters" = None,
        *,
        tables: Mapping[str, object] | None = None,
        timeout_s: float | None = None,
    ) -> pa.RecordBatchReader:
        """Answer one SELECT like `sql`, batch by batch, for results larger than memory."""
        from attlas.queries.engine.handed_over import arrow_tables
        from attlas.queries.engine.selecting import select

        own_tables = arrow_tables(tables or {}, self.manifest)
        return select(self._database, query, params, tables=own_tables, timeout_s=timeout_s)

    def match(self, id: str, *, taxon: int | str | None = None) -> Match:
        """Return the match of an id: rows of `proteins`, candidates, or similar ids. Never raises."""
        return find(self._tables.names, id, taxon=taxon)

    def matches(self, ids: Sequence[str], *, taxon: int | str | None = None) -> list[Match]:
        """Return the match of each of many ids, in one pass over their names."""
        return find_all(self._tables.names, ids, taxon=taxon)

    def identify(self, id: str, *, note: Note = warn, takes_members: bool = False) -> Match:
        """Return the match of an id, or of a text that only one protein is called, in any letter case; it has rows.

        Args:
            id: an id; else words of a name, or the PDB id of a structure that proteins of the atlas are placed on.
            note: is told of whom an answer will be that was not named by an id of its own; by default a warning.
            takes_members: a member of a cluster is answered with the protein that stands for it.

        Raises:
            QuestionError: it names no protein, or several.
        """
        match = self.match(id).of_cluster() if takes_members else self.match(id)
        if match.rows and match.note is None:
            return match

        result = self.match_names([match], note=note)
        if result.faults:
            raise result.faults[0]
        (match,) = result.matches
        if match.note is not None:
            note(match.note)
        return match

    def find_accession(self, id: str, *, note: Note = warn, takes_members: bool = False) -> str:
        """Return the accession of the protein that `identify` finds; of a checksum that several have, the first."""
        match = self.identify(id, note=note, takes_members=takes_members)
        return str(self._tables.names.value(match.rows[0], "accession"))

    def match_names(self, matches: Sequence[Match], *, note: Note) -> NamedMatches:
        """Return matches in which a text that is no id has the protein that alone is called so; `note` is told."""
        return match_names(self._tables.names, matches, search=self.search, note=note)

    def match_other_case(self, matches: Sequence[Match]) -> list[Match]:
        """Return matches in which an id has the protein whose id it is but for letter case, with a note."""
        return match_other_case(self._tables.names, matches)

    def find(self, text: str) -> pa.Table:
        """Return the proteins that a text may mean, the likeliest ones at the top, as `attlas find` does.

        Words of a name, gene, entry name or organism count, in any letter case, and so does the PDB id of a structure
        that proteins of the atlas are placed on. The column `fit` says how a protein fits. Where very many fit, what
        was not looked at stands in the metadata of the schema as `notes`.
        """
        return hit_table(self.search(text))

    def hits(self, text: str) -> list[Hit]:
        """Return the proteins that `find` returns, each with its row of `proteins`."""
        return list(self.search(text).hits)

    def search(self, text: str) -> Search:
        """Return the proteins of `find`, and a note on those that were not looked at where very many fit."""
        structures = find_structures(self.root, self.manifest, text)
        placed_rows = {row for accession in structures if (row := self._tables.names.row_of(accession)) is not None}
        most_groups = MOST_GROUPS_REMOTELY if isinstance(self.root, RemoteRoot) else MOST_GROUPS
        search = find_proteins(
            self._tables.proteins, self._tables.words, text, placed_rows=placed_rows, most_groups=most_groups
        )
        return search if search.hits else self._search_members(text) or search

    def _search_members(self, text: str) -> Search | None:
        """Return the protein that stands for a text which is a member of its cluster; None for another text."""
        match = self.match(text).of_cluster()
        if not match.note:
            return None
        ((row, names),) = self._tables.proteins.texts(match.rows, NAME_COLUMNS)
        accession, entry_name, gene, description, organism = names
        return Search((Hit(row, accession, entry_name, gene, description, organism, MEMBER_FIT),), (match.note,))

    def suggest(self, text: str) -> str:
        """Return a hint instead of a text that no protein is called: similar words, or similar ids."""
        similar = similar_words(self._tables.proteins, self._tables.words, text)
        words = [f"{' or '.join(near)} for {word}" for word, near in similar.items()]
        parts = [f"do you mean {', '.join(words)}?"] if words else []
        if close := self.match(text).close:
            parts.append(f"similar ids: {', '.join(map(printable, close))}")
        return "; ".join(parts) or "fewer words, or parts of words, find more"

    def protein_rows(self, rows: Sequence[int], columns: Sequence[str] | None = None) -> pa.Table:
        """Return rows of `proteins` by number, as a `Match` holds them."""
        return self._tables.proteins.take(rows, columns)

    def sequence_rows(self, table: Table, sequence_id: int, columns: Sequence[str]) -> pa.Table:
        """Return stored columns of one sequence in one of the shard tables, in stored order and type."""
        return self._tables.shard_table(table).of(sequence_id, columns)

    def rows_of_sequences(
        self, table: Table, sequence_ids: Iterable[int], columns: Sequence[str]
    ) -> tuple[pa.Table, dict[int, range]]:
        """Return stored columns of many sequences, and the range of rows of each sequence in that table."""
        return self._tables.shard_table(table).of_many(sequence_ids, columns)

    @property
    def n_layers(self) -> int:
        """Layers of the model."""
        return self.manifest.run.n_layers

    def close(self) -> None:
        """Close the files and the DuckDB connection. Safe to call twice."""
        self._tables.close()
        if isinstance(self.root, RemoteRoot):
            self.root.close()
        if "_database" in self.__dict__:
            self.__dict__.pop("_database").close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        counts, run = self.manifest.counts, self.manifest.run
        return f"<{type(self).__name__} {self.root}: {counts.n_requested:,} proteins, {run.model}, {run.rule}>"

    @cached_property
    def _database(self) -> "Database":
        from attlas.queries.engine.sandbox import connect

        return connect(self.root, self.manifest, memory_limit=self.memory_limit, find_sequences=self._find_sequences)

    def _find_sequences(self, accessions: Sequence[str]) -> set[int]:
        """Return the `sequence_id` of each of some accessions; none for what is not in the atlas or has no sequence."""
        names = self._tables.names
        with names.index.remembering(map(name_key, accessions)):
            rows = [row for accession in accessions if (row := names.row_of(accession)) is not None]
            ids = [names.value(row, "sequence_id") for row in rows]
        return {sequence_id for sequence_id in ids if sequence_id is not None}

    def _lookup(self, table: Table, id: str) -> pa.Table:
        schema = view_schema(table, self.n_layers)
        parts = [self._lookup_row(table, schema, row) for row in self.identify(id).rows]
        return pa.concat_tables(parts)

    def _lookup_row(self, table: Table, schema: pa.Schema, row: int) -> pa.Table:
        # The names say all of this; `proteins` is opened only for the reason.
        accession, status = self._tables.names.value(row, "accession"), self._tables.names.value(row, "status")
        if status != "ok":
            raise not_computed(accession, status, self._tables.names.value(row, "reason"))

        sequence_id = self._tables.names.value(row, "sequence_id")
        stored = self.sequence_rows(table, sequence_id, [column.name for column in table.stored()])
        rows = stored.add_column(0, "accession", repeated_text(accession, stored.num_rows))
        return _cast_to_view(rows, schema)


def hit_table(search: Search) -> pa.Table:
    """Return the hits of a search as a table; its schema has the notes in its metadata, if there are any."""
    columns = [*NAME_COLUMNS, "fit"]
    if isinstance(search.hits, HitTable):
        table = search.hits.table.select(columns)
    else:
        arrays = [text_array([getattr(hit, name) or None for hit in search.hits]) for name in columns]
        table = pa.Table.from_arrays(arrays, names=columns)
    return table.replace_schema_metadata({"notes": "\n".join(search.notes)}) if search.notes else table


def not_computed(accession: str, status: str, reason: str | None) -> QuestionError:
    """Return the error for a protein that has no rows because it was not computed."""
    return QuestionError(printable(f"{accession} was not computed ({status}: {reason})."))


def lacks_table(table: Table) -> QuestionError:
    """Return the error for an added table that an atlas does not have; it names the command that adds it."""
    return QuestionError(f"This atlas has no table {table.name}.", hint=f"`{table.added_by}` adds it")


def _cast_to_view(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    # A cast imports `pyarrow.compute`, and only `residues` is seen in another type than it is stored in.
    is_seen_as_stored = rows.schema.types == schema.types
    return pa.Table.from_arrays(rows.columns, schema=schema) if is_seen_as_stored else rows.cast(schema)
