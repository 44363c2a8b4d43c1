"""The parts of a table: its columns and, for an added table, its command, sources and settings."""

from dataclasses import dataclass
from math import isfinite

import pyarrow as pa


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    name: str
    type: pa.DataType
    """Arrow type; of a list column (`is_per_layer`, `is_list`) the type of an element."""
    unit: str
    """Unit in words; empty for names and texts."""
    doc: str
    """The meaning of the column, in one sentence."""
    is_nullable: bool = False
    is_per_layer: bool = False
    """A fixed-size list of `L` values, layer 0 first."""
    is_list: bool = False
    """A list of values, of the same length in all rows of an atlas, which its model alone tells."""
    is_joined: bool = False
    """The view has it from `proteins`; the files of the table do not store it."""

    def field(self, n_layers: int) -> pa.Field:
        """Return the Arrow field, with doc and unit as metadata, for a model of `n_layers` layers."""
        element = pa.field("item", self.type, nullable=False)
        kind = self.type
        if self.is_per_layer:
            kind = pa.list_(element, n_layers)
        elif self.is_list:
            kind = pa.list_(element)
        return pa.field(self.name, kind, nullable=self.is_nullable, metadata={"doc": self.doc, "unit": self.unit})


@dataclass(frozen=True)
class Setting:
    """A setting of the pass that computes a table; the metadata of the table's files have its value."""

    name: str
    type: type[float] | type[int] | type[str]
    doc: str
    """The meaning of the setting, in one sentence."""
    is_optional: bool = False
    """None is a possible value: there is no limit, or nothing to say."""

    def allows(self, value: object) -> bool:
        """Return whether a value is allowed: of the type, finite, or None where the setting is optional."""
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
    """Its arguments, such as `DIR SOURCE`."""

    def __str__(self) -> str:
        """Return the command as it is typed."""
        return f"attlas {self.verb} {self.arguments}"


@dataclass(frozen=True)
class Table:
    """A table: its meaning, columns, key and order, and the command that adds it if the build does not write it."""

    name: str
    doc: str
    """The meaning of a row, in one sentence."""
    key: tuple[str, ...]
    """Columns that identify a row of the view."""
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
    """The settings with which the command computes the table."""
    is_by_type: bool = False
    """Each run of the command is for one `type` of labels: its file stands beside those of the other types."""
    ranked_by: str | None = None
    """Column by which the rows of a protein are listed, the highest value at the top; None: as they are sorted."""

    @property
    def is_by_source(self) -> bool:
        """Return whether the table has a file for each source; most other added tables have a file for each shard."""
        return self.added_by is not None and not self.computed_from

    @property
    def is_of_sequences(self) -> bool:
        """Return whether its rows are of sequences: it has their numbers. Others are of the atlas as a whole."""
        return any(column.name == "sequence_id" for column in self.columns)

    def stored(self) -> tuple[Column, ...]:
        """Return the columns that the files hold."""
        return tuple(column for column in self.columns if not column.is_joined)

    def schema(self, n_layers: int) -> pa.Schema:
        """Return the Arrow schema of the files, for a model of `n_layers` layers."""
        return pa.schema([column.field(n_layers) for column in self.stored()], metadata={"doc": self.doc})
