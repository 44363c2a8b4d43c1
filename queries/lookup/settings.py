"""How an added table was computed: the settings that stand in the metadata of its Parquet files."""

from collections.abc import Mapping
from math import isfinite

from attlas.queries.lookup.parquet_rows import open_parquet
from attlas.queries.lookup.remote import RemoteRoot
from attlas.queries.lookup.storage import Root
from attlas.schema import (
    CONTACTS,
    COORDINATES,
    FEATURES,
    HEAD_CONTACTS,
    HEAD_FEATURES,
    HEAD_MAX_SITES,
    LABELS,
    SEQUENCES,
    AtlasPaths,
    Manifest,
    Table,
)

KEYS = {
    LABELS.name: b"probe",
    HEAD_FEATURES.name: b"probe",
    HEAD_MAX_SITES.name: b"probe",
    CONTACTS.name: b"contacts",
    HEAD_CONTACTS.name: b"head_contacts",
}
"""Under which key a file of each table says its settings, as `theta 0.3, atom ca`."""

INPUTS = (SEQUENCES, FEATURES, COORDINATES)
"""Tables that others are computed from after the build."""


def settings_of(root: Root, manifest: Manifest, table: Table, *, n_files: int | None = None) -> dict[str, str]:
    """Return the settings that all files of a table say alike, or the first `n_files`, by name; none where they do not.

    Of the probe `theta`, of heads against contacts `theta`, `atom`, `max_length`, of contacts `floor`, `max_length`;
    of each table it was computed from the digest, by the name of the table.

    Raises:
        BrokenAtlasError: a file of the table is missing or no Parquet.
    """
    key, said = KEYS.get(table.name, b""), []
    for file in manifest.of_table(table)[:n_files]:
        with open_parquet(root, file) as parquet:
            metadata = parquet.schema_arrow.metadata or {}
        said.append(_parsed(metadata.get(key, b"").decode("utf-8", "replace")))
    first, *others = said or [{}]
    return {name: value for name, value in first.items() if all(other.get(name) == value for other in others)}


def outdated(root: Root, manifest: Manifest, table: Table) -> list[str]:
    """Return the tables that have changed since an added table was computed from them, by name; of one file of it.

    Told only where the atlas was built: a release holds the same rows in other files, and cannot be renewed.

    Raises:
        BrokenAtlasError: the file is missing or no Parquet.
    """
    if isinstance(root, RemoteRoot) or not AtlasPaths(root).plan.is_file():
        return []
    said = settings_of(root, manifest, table, n_files=1)
    return [one.name for one in INPUTS if said.get(one.name, manifest.digest_of(one)) != manifest.digest_of(one)]


def number_of(settings: Mapping[str, str], name: str) -> float | None:
    """Return a setting that is a number; None where it is not said, or no number."""
    try:
        value = float(settings[name])
    except (KeyError, ValueError):
        return None
    return value if isfinite(value) else None


def _parsed(text: str) -> dict[str, str]:
    pairs = (part.strip().partition(" ") for part in text.split(","))
    return {name: value for name, _, value in pairs if name and value}
