"""The contract: what an atlas is, spoken by the workshop that writes it and the reading room that serves it."""

from attlas.schema.errors import (
    BrokenAtlasError,
    EnvironmentFault,
    Fault,
    InputError,
    PlanError,
    QuestionError,
)
from attlas.schema.manifest import Counts, Manifest, Receipt, TableFile
from attlas.schema.paths import AtlasPaths
from attlas.schema.run import Run
from attlas.schema.tables import (
    ADDED_TABLES,
    CONTACTS,
    FEATURES,
    FORMAT_VERSION,
    HEAD_FEATURES,
    HEADS,
    LABELS,
    PROTEINS,
    RESIDUES,
    SEQUENCES,
    SHARD_TABLES,
    SITES,
    TABLES,
    Column,
    Table,
)

__all__ = [
    "ADDED_TABLES",
    "CONTACTS",
    "FEATURES",
    "FORMAT_VERSION",
    "HEADS",
    "HEAD_FEATURES",
    "LABELS",
    "PROTEINS",
    "RESIDUES",
    "SEQUENCES",
    "SHARD_TABLES",
    "SITES",
    "TABLES",
    "AtlasPaths",
    "BrokenAtlasError",
    "Column",
    "Counts",
    "EnvironmentFault",
    "Fault",
    "InputError",
    "Manifest",
    "PlanError",
    "QuestionError",
    "Receipt",
    "Run",
    "Table",
    "TableFile",
]
