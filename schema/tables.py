"""Every table of an atlas, and the version of the format.

DuckDB comments, `TABLES.md`, empty tables, checks and notes on outdated tables all come from these declarations: no
other place describes a table. `built_tables` declares those that a build writes, `annotation_tables` those that
`attlas annotate` adds, the other files those that other commands add.
"""

from attlas.schema.added_tables import (
    CONTACTS,
    FUSED_CONTACTS,
    HEAD_CONTACTS,
    HEAD_FEATURES,
    HEAD_MAX_SITES,
    HEAD_PERIODS,
    LABELS,
    LINKS,
)
from attlas.schema.annotation_tables import COORDINATES, FAMILIES, FEATURES, PARTNER_CONTACTS, TRACKS, VARIANTS
from attlas.schema.built_tables import HEADS, PROTEINS, RESIDUES, SEQUENCES, SITES
from attlas.schema.fit_tables import FITS
from attlas.schema.index_tables import INDEX_TABLES, MEMBERS, NAMES, WORDS
from attlas.schema.interface_tables import PAIR_CHOICES, PAIR_HEAD_CONTACTS, PAIR_NULLS
from attlas.schema.pair_tables import PAIR_CONTACTS, PAIR_HEADS, PAIR_LINKS, PAIR_RESIDUES, PAIR_SEGMENTS, PAIRS
from attlas.schema.prediction_tables import CANDIDATE_SITES
from attlas.schema.table import Table
from attlas.schema.vector_tables import VECTORS

__all__ = [
    "ADDED_TABLES",
    "CANDIDATE_SITES",
    "CONTACTS",
    "COORDINATES",
    "DIVIDED_FORMAT_VERSION",
    "FAMILIES",
    "FEATURES",
    "FITS",
    "FORMAT_VERSION",
    "FUSED_CONTACTS",
    "HEADS",
    "HEAD_CONTACTS",
    "HEAD_FEATURES",
    "HEAD_MAX_SITES",
    "HEAD_PERIODS",
    "INDEX_TABLES",
    "LABELS",
    "LINKS",
    "MEMBERS",
    "NAMES",
    "OLDER_FORMATS",
    "PAIRS",
    "PAIR_CHOICES",
    "PAIR_CONTACTS",
    "PAIR_HEADS",
    "PAIR_HEAD_CONTACTS",
    "PAIR_LINKS",
    "PAIR_NULLS",
    "PAIR_RESIDUES",
    "PAIR_SEGMENTS",
    "PARTNER_CONTACTS",
    "PROTEINS",
    "RESIDUES",
    "SEQUENCES",
    "SHARD_TABLES",
    "SITES",
    "STORED_TABLES",
    "TABLES",
    "TRACKS",
    "UPGRADED_FORMATS",
    "VALUES_VERSION",
    "VARIANTS",
    "VECTORS",
    "WORDS",
]

FORMAT_VERSION = 3
"""Version of the tables and of the directory; a reader refuses any other.

2: sites rank by unrounded attention; `sites.is_initiator_methionine`; settings of added tables are JSON.
3: `residues.received` is float32, holding the numbers of float16 as before; the index `names`.
4: as 3, with the files of large tables listed in parts (`DIVIDED_FORMAT_VERSION`).
"""

VALUES_VERSION = 2
"""Version of the numbers of the tables: a part of the identity of a run, so that atlases of the same numbers have the
same id however they are stored. It rises with the format version where the same model and rule give other numbers."""

DIVIDED_FORMAT_VERSION = 4
"""Version of an atlas whose list of files is divided; its tables are those of `FORMAT_VERSION`.

An atlas of few files is of that version still, so that earlier releases read it; they refuse this one by name."""

OLDER_FORMATS = {1: "attlas from before its first release"}
"""The release that reads an atlas of an older format version."""

UPGRADED_FORMATS = (2,)
"""Older format versions from which `attlas upgrade` writes an atlas of today."""

TABLES = (
    PROTEINS,
    SEQUENCES,
    SITES,
    RESIDUES,
    HEADS,
    FEATURES,
    FAMILIES,
    COORDINATES,
    PARTNER_CONTACTS,
    TRACKS,
    VARIANTS,
    MEMBERS,
    LABELS,
    HEAD_FEATURES,
    HEAD_MAX_SITES,
    HEAD_PERIODS,
    CONTACTS,
    FUSED_CONTACTS,
    HEAD_CONTACTS,
    LINKS,
    VECTORS,
    PAIRS,
    PAIR_HEADS,
    PAIR_RESIDUES,
    PAIR_LINKS,
    PAIR_CONTACTS,
    PAIR_HEAD_CONTACTS,
    PAIR_CHOICES,
    PAIR_NULLS,
    PAIR_SEGMENTS,
    CANDIDATE_SITES,
    FITS,
)
"""Every table that is asked, in the order of the documentation."""

STORED_TABLES = (*TABLES, *INDEX_TABLES)
"""Every table that has files: also the indexes of names, which lookups read and no view shows."""

ADDED_TABLES = tuple(table for table in TABLES if table.added_by)
"""The tables added to a sealed atlas; without files until then."""

SHARD_TABLES = tuple(table for table in TABLES if not table.added_by and table is not PROTEINS)
"""The tables that a shard writes; `proteins` is written when the atlas is sealed."""


def tables_added_by(verb: str) -> tuple[Table, ...]:
    """Return the tables that a command adds, by its name, such as `probe`."""
    return tuple(table for table in ADDED_TABLES if table.added_by and table.added_by.verb == verb)
