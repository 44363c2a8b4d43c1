"""A part of an atlas as a database: the proteins whose `sequence_id` lies in a range, in the same views.

Every distinct sequence lies in one part, with all of its accessions, so that sums over parts are sums over the atlas.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from attlas.queries.engine.database import Database
from attlas.queries.engine.definitions import Definitions
from attlas.queries.engine.running import telling_interrupts
from attlas.queries.engine.sandbox import connect_unlocked, find_linked_files, lock_statements
from attlas.queries.lookup.storage import Root
from attlas.schema import TABLES, Manifest, Table, TableFile
from attlas.schema.file_list import FileList

WHOLE = "whole_"
"""What the name of a view begins with that holds the rows of all parts."""

TABLES_WITH_NULL_IDS = frozenset(
    table.name
    for table in TABLES
    if any(column.name == "sequence_id" and column.is_nullable for column in table.columns)
)
"""Names of the tables that may have rows without a `sequence_id`, such as proteins that were skipped."""


@dataclass(frozen=True)
class AtlasPart:
    """A range of `sequence_id`."""

    first_sequence_id: int | None
    """None: from the first; also rows without a `sequence_id`, such as proteins that were skipped, and tables without
    one, which thus lie in one part as well."""
    end_sequence_id: int | None
    """One past the last; None: to the last."""

    def files_of(self, manifest: Manifest) -> FileList:
        """Return the files of an atlas of which rows may lie in the part."""
        last_sequence_id = None if self.end_sequence_id is None else self.end_sequence_id - 1
        files = manifest.files.holding(self.first_sequence_id, last_sequence_id)
        if self.first_sequence_id is not None:
            return FileList(tuple(files))
        # Rows without a `sequence_id` are of the first part, and ids of a file say nothing of them.
        return FileList(tuple(dict.fromkeys((*files, *manifest.files.of_tables(TABLES_WITH_NULL_IDS)))))

    def select(self, table: Table) -> str:
        """Return the SELECT of the part's rows of a view of the whole atlas."""
        if not table.is_of_sequences:
            return f"SELECT * FROM {WHOLE}{table.name} WHERE {'true' if self.first_sequence_id is None else 'false'}"

        conditions = []
        if self.end_sequence_id is not None:
            conditions.append(f"sequence_id < {self.end_sequence_id}")
        if self.first_sequence_id is not None:
            conditions.append(f"sequence_id >= {self.first_sequence_id}")
        elif table.name in TABLES_WITH_NULL_IDS:
            conditions = [f"({' AND '.join(conditions) or 'true'} OR sequence_id IS NULL)"]
        return f"SELECT * FROM {WHOLE}{table.name} WHERE {' AND '.join(conditions) or 'true'}"


@dataclass(frozen=True)
class _Cut:
    """A place where an atlas may be cut: the end of a file."""

    sequence_id: int
    n_bytes: int
    """Size of the files up to there."""

    @classmethod
    def after_each(cls, files: Sequence[TableFile]) -> list[Self]:
        """Return the cut after each file, in order."""
        cuts, n_bytes = [], 0
        for file in sorted(files, key=lambda file: file.first_sequence_id or 0):
            n_bytes += file.n_bytes
            if file.last_sequence_id is not None:
                cuts.append(cls(file.last_sequence_id + 1, n_bytes))
        return cuts


def cut_atlas(manifest: Manifest, table: Table, n_parts: int) -> list[AtlasPart]:
    """Return at most `n_parts` parts of an atlas that hold about equally many bytes of a table.

    An atlas is cut where files of the table end, so that few files are read twice.
    """
    cuts = _Cut.after_each(manifest.of_table(table))
    n_bytes = cuts[-1].n_bytes if cuts else 0

    # The last file that ends before each n-th part of the bytes; the end of all is no place to cut.
    ends = []
    for i in range(1, n_parts):
        before = [cut.sequence_id for cut in cuts[:-1] if cut.n_bytes * n_parts <= n_bytes * i]
        if before and before[-1] not in ends:
            ends.append(before[-1])
    return [AtlasPart(begin, end) for begin, end in zip([None, *ends], [*ends, None], strict=True)]


@telling_interrupts()
def connect_part(root: Root, manifest: Manifest, part: AtlasPart, *, memory_limit: str | None = None) -> Database:
    """Return the locked database of a part of an atlas. Raises as `connect` does."""
    narrowed = replace(manifest, files=part.files_of(manifest))
    connection, base = connect_unlocked(root, narrowed, memory_limit=memory_limit)

    # Views that join `proteins` find the view of the part by its name.
    for table in TABLES:
        connection.execute(f"ALTER VIEW {table.name} RENAME TO {WHOLE}{table.name}")
        connection.execute(f"CREATE VIEW {table.name} AS {part.select(table)}")
    for statement in lock_statements(base, find_linked_files(root, narrowed)):
        connection.execute(statement)
    return Database(connection, Definitions(connection))
