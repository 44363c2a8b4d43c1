"""`LookupTables`: the tables and indexes of an atlas that lookups read, each opened when it is first needed."""

from functools import cached_property

from attlas.queries.lookup.member_index import MemberIndex
from attlas.queries.lookup.name_index import NameIndex, ProteinNames
from attlas.queries.lookup.parquet_rows import SequenceRows
from attlas.queries.lookup.protein_rows import ProteinRows
from attlas.queries.lookup.storage import Root
from attlas.queries.lookup.word_index import WordIndex
from attlas.schema import MEMBERS, NAMES, PROTEINS, WORDS, BrokenAtlasError, Manifest, Table


class LookupTables:
    """The tables and indexes of an atlas, read as Parquet, without DuckDB."""

    def __init__(self, root: Root, manifest: Manifest) -> None:
        self._root = root
        self._manifest = manifest
        self._shard_tables: dict[str, SequenceRows] = {}

    @cached_property
    def names(self) -> ProteinNames:
        """The names of all proteins."""
        index = NameIndex(self._root, self._manifest.of_table(NAMES))
        members = MemberIndex(self._root, self._manifest.of_table(MEMBERS))
        return ProteinNames(index, members, lambda: self.proteins)

    @cached_property
    def words(self) -> WordIndex | None:
        """The index of words; None in an atlas from before there was one."""
        files = self._manifest.of_table(WORDS)
        return WordIndex(self._root, files) if files else None

    @cached_property
    def proteins(self) -> ProteinRows:
        """The table `proteins`.

        Raises:
            BrokenAtlasError: the manifest names no file of it.
        """
        files = self._manifest.of_table(PROTEINS)
        if not files:
            raise BrokenAtlasError(f"The manifest of {self._root} names no file of `proteins`.")
        return ProteinRows(self._root, files[0], self._read_index_metadata)

    def _read_index_metadata(self) -> dict[bytes, bytes]:
        """Return the metadata of an index of names, on the footer of `proteins`; of both, the one in use is read."""
        words: WordIndex | None = self.__dict__.get("words")
        return words.metadata() if words is not None else self.names.index.metadata()

    def shard_table(self, table: Table) -> SequenceRows:
        """Return the rows of one of the shard tables, by sequence."""
        if table.name not in self._shard_tables:
            files = self._manifest.of_table(table)
            schema = table.schema(self._manifest.run.n_layers)
            self._shard_tables[table.name] = SequenceRows(self._root, schema, files)
        return self._shard_tables[table.name]

    def close(self) -> None:
        """Close what was opened; it is opened again if it is needed again."""
        for rows in self._shard_tables.values():
            rows.close()

        # `cached_property` keeps what was opened in `__dict__`; to ask for the property would open the rest.
        if (names := self.__dict__.pop("names", None)) is not None:
            names.index.close()
            names.members.close()
        if (words := self.__dict__.pop("words", None)) is not None:
            words.close()
        if (proteins := self.__dict__.pop("proteins", None)) is not None:
            proteins.close()
