"""The contract of an atlas, shared by the room that writes it, `pipeline`, and the room that reads it, `queries`."""

from attlas.schema.errors import (
    BrokenAtlasError,
    DeviceFault,
    EnvironmentFault,
    Fault,
    InputError,
    PlanError,
    QuestionError,
)
from attlas.schema.manifest import Counts, Manifest
from attlas.schema.paths import AtlasPaths
from attlas.schema.receipt import Receipt
from attlas.schema.run import Run
from attlas.schema.settings import Computation
from attlas.schema.table import Column, Command, Setting, Table
from attlas.schema.table_file import TableFile
from attlas.schema.tables import (
    ADDED_TABLES,
    CONTACTS,
    COORDINATES,
    FAMILIES,
    FEATURES,
    FORMAT_VERSION,
    FUSED_CONTACTS,
    HEAD_CONTACTS,
    HEAD_FEATURES,
    HEAD_MAX_SITES,
    HEAD_PERIODS,
    HEADS,
    LABELS,
    LINKS,
    PROTEINS,
    RESIDUES,
    SEQUENCES,
    SHARD_TABLES,
    SITES,
    TABLES,
    tables_added_by,
)

__all__ = [
    "ADDED_TABLES",
    "CONTACTS",
    "COORDINATES",
    "FAMILIES",
    "FEATURES",
    "FORMAT_VERSION",
    "FUSED_CONTACTS",
    "HEADS",
    "HEAD_CONTACTS",
    "HEAD_FEATURES",
    "HEAD_MAX_SITES",
    "HEAD_PERIODS",
    "LABELS",
    "LINKS",
    "PROTEINS",
    "RESIDUES",
    "SEQUENCES",
    "SHARD_TABLES",
    "SITES",
    "TABLES",
    "AtlasPaths",
    "BrokenAtlasError",
    "Column",
    "Command",
    "Computation",
    "Counts",
    "DeviceFault",
    "EnvironmentFault",
    "Fault",
    "InputError",
    "Manifest",
    "PlanError",
    "QuestionError",
    "Receipt",
    "Run",
    "Setting",
    "Table",
    "TableFile",
    "tables_added_by",
]
