"""What a table of an atlas is made of: columns, and for an added table the command, its sources and its settings."""

from dataclasses import dataclass
from math import isfinite

import pyarrow as pa


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    name: str
    type: pa.DataType
    """Arrow type; a list column holds its element type here and `is_per_layer` says so."""
    unit: str
    """Unit in words; empty for names and texts."""
    doc: str
    """What the column says, in one sentence."""
    is_nullable: bool = False
    is_per_layer: bool = False
    """A fixed-size list of `L` values, layer 0 first."""
    is_joined: bool = False
    """Seen in the view through `proteins`; not stored in this table's files."""

    def field(self, n_layers: int) -> pa.Field:
        """Return the Arrow field, with doc and unit as metadata, for a model of `n_layers` layers."""
        kind = pa.list_(pa.field("item", self.type, nullable=False), n_layers) if self.is_per_layer else self.type
        return pa.field(self.name, kind, nullable=self.is_nullable, metadata={"doc": self.doc, "unit": self.unit})


@dataclass(frozen=True)
class Setting:
    """One setting of the pass that computes a table, as it stands in the metadata of the table's files."""

    name: str
    type: type[float] | type[int] | type[str]
    doc: str
    """What it sets, in one sentence."""
    is_optional: bool = False
    """None is a value of it, and means no limit."""

    def allows(self, value: object) -> bool:
        """Tell whether the setting can have a value: one of its type, a finite number, or None where it is optional."""
        if value is None:
            return self.is_optional
        if self.type is float:
            return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
        return isinstance(value, self.type) and not isinstance(value, bool)


@dataclass(frozen=True)
class Command:
    """A command that adds tables to a sealed atlas."""

    verb: str
    """Name of the command, such as `probe`."""
    arguments: str
    """What is typed after it, such as `DIR SOURCE`."""

    def __str__(self) -> str:
        """Return the command as it is typed."""
        return f"attlas {self.verb} {self.arguments}"


@dataclass(frozen=True)
class Table:
    """One table: what a row is, its columns, its key and order, and who adds it if the build does not write it."""

    name: str
    doc: str
    """What a row is, in one sentence."""
    key: tuple[str, ...]
    """Columns that name a row in the view a user types."""
    sort: tuple[str, ...]
    """Order of the stored rows."""
    row_group_rows: int
    """Rows of a Parquet row group: the unit a lookup reads."""
    columns: tuple[Column, ...]
    added_by: Command | None = None
    """The command that adds the table to a sealed atlas; None for a table that the build writes."""
    computed_from: tuple["Table", ...] = ()
    """Tables that the command reads: where one changes, this table is outdated. None for one read from sources."""
    settings: tuple[Setting, ...] = ()
    """What the command computes the table with."""

    @property
    def is_by_source(self) -> bool:
        """Tell whether each file of the table holds what one source said; else an added table has a file per shard."""
        return self.added_by is not None and not self.computed_from

    def stored(self) -> tuple[Column, ...]:
        """Return the columns that the files hold."""
        return tuple(column for column in self.columns if not column.is_joined)

    def schema(self, n_layers: int) -> pa.Schema:
        """Return the Arrow schema of the files, for a model of `n_layers` layers."""
        return pa.schema([column.field(n_layers) for column in self.stored()], metadata={"doc": self.doc})
