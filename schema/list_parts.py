"""Parts of the list of files of a large atlas: JSON files below `manifest/`, which `manifest.json` names.

    manifest.json ── entry of a list part: its path, size, SHA-256, sums, smallest and largest key
                        └── manifest/sites-0123456789abcdef.json ── entries of some files of `sites`

A reader opens `manifest.json` alone, and then those parts that can list what it looks for. A part is named by its
digest: the same entries are the same file, and a part of a new list never comes under the name of an old one.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Self

from attlas.schema.errors import BrokenAtlasError
from attlas.schema.json_file import IllTypedError, from_json, json_bytes, parse_json, unreadable_json
from attlas.schema.table_file import TableFile, is_count, is_sha256, parse_table_files
from attlas.schema.tables import STORED_TABLES

FOLDER = "manifest"
MOST_PART_BYTES = 1 << 26
"""More than any list part has; a reader holds the whole part in memory."""
_N_DIGITS = 16
"""Digits of its SHA-256 in the name of a part."""


@dataclass(frozen=True)
class ListPart:
    """The entry in `manifest.json` of a part of the list of a table's files."""

    table: str
    path: str
    """Path of the part, relative to the atlas, forward slashes."""
    n_bytes: int
    sha256: str
    n_files: int
    """Files that it lists."""
    n_rows: int
    """Rows of these files."""
    n_table_bytes: int
    """Bytes of these files."""
    first_sequence_id: int | None = None
    """Smallest `sequence_id` in these files; None where one of them does not say."""
    last_sequence_id: int | None = None
    first_key: str | None = None
    """Smallest key in these files of an index; None for other tables."""
    last_key: str | None = None

    @classmethod
    def describe(cls, table: str, files: Sequence[TableFile], data: bytes) -> Self:
        """Return the entry of a part that lists some files of a table in these bytes."""
        sha256 = hashlib.sha256(data).hexdigest()

        # A range is known only where every file with rows says its own.
        filled = [file for file in files if file.n_rows]
        first_ids = [file.first_sequence_id for file in filled if file.first_sequence_id is not None]
        last_ids = [file.last_sequence_id for file in filled if file.last_sequence_id is not None]
        has_range = filled and len(first_ids) == len(last_ids) == len(filled)

        return cls(
            table=table,
            path=f"{FOLDER}/{table}-{sha256[:_N_DIGITS]}.json",
            n_bytes=len(data),
            sha256=sha256,
            n_files=len(files),
            n_rows=sum(file.n_rows for file in files),
            n_table_bytes=sum(file.n_bytes for file in files),
            first_sequence_id=min(first_ids) if has_range else None,
            last_sequence_id=max(last_ids) if has_range else None,
            first_key=min((file.first_key for file in files if file.first_key is not None), default=None),
            last_key=max((file.last_key for file in files if file.last_key is not None), default=None),
        )


def write_part(table: str, files: Sequence[TableFile]) -> tuple[ListPart, bytes]:
    """Return the entry and the bytes of a part that lists some files of a table."""
    data = json_bytes({"table": table, "files": [asdict(file) for file in files]})
    return ListPart.describe(table, files, data), data


def parse_part(part: ListPart, data: bytes, *, source: str) -> tuple[TableFile, ...]:
    """Return the files that a part lists, from its bytes; `source` is the atlas, for errors.

    Raises:
        BrokenAtlasError: the bytes are not those of its entry; or it lists what no atlas has, such as files outside of
            the atlas or of another table, or other files than its entry says.
    """
    name = f"{source}/{part.path}"
    sha256 = hashlib.sha256(data).hexdigest()
    if (len(data), sha256) != (part.n_bytes, part.sha256):
        raise BrokenAtlasError(
            f"{name} is not as manifest.json says.",
            expected=f"{part.n_bytes:,} bytes, sha256 {part.sha256}",
            found=f"{len(data):,} bytes, sha256 {sha256}",
            hint="copy or download it again; where the atlas was built, the same `attlas build` renews it",
        )

    values = parse_json(data, name)
    try:
        files = parse_table_files(values.get("files"))
        if any(file.table != part.table for file in files):
            raise IllTypedError(f"files: not all of them are of {part.table}")
        if ListPart.describe(part.table, files, data) != part:
            raise IllTypedError(f"files: they are not those of the entry in manifest.json, {part.n_files:,} files")
    except IllTypedError as error:
        raise unreadable_json(name, str(error)) from error
    return files


def parse_list_parts(values: object) -> tuple[ListPart, ...]:
    """Return the entries of list parts of a manifest, from the values that `json.loads` returns.

    Raises:
        IllTypedError: a value has another type; a table is unknown, a path is not that of a part, or occurs twice.
    """
    parts = from_json(tuple[ListPart, ...], values, name="parts")
    for part in parts:
        _check_entry(part)
    if len({part.path for part in parts}) < len(parts):
        raise IllTypedError("parts: a path is named twice")
    return parts


def _check_entry(part: ListPart) -> None:
    """Refuse an entry that no part has. Raises IllTypedError."""
    if part.table not in _TABLE_NAMES:
        raise IllTypedError(f"parts: no table is named {part.table!a}"[:200])
    if not is_sha256(part.sha256):
        raise IllTypedError(f"parts: the digest of {part.path!a} is no SHA-256"[:300])
    if part.path != f"{FOLDER}/{part.table}-{part.sha256[:_N_DIGITS]}.json":
        raise IllTypedError(f"parts: {part.path!a} is not the path of a part of {part.table}"[:300])

    numbers = (part.n_rows, part.n_table_bytes, part.first_sequence_id, part.last_sequence_id)
    if not all(is_count(number) for number in numbers):
        raise IllTypedError(f"parts: a number of {part.path} is not between 0 and 2^63")
    if not 0 < part.n_bytes <= MOST_PART_BYTES or not 0 < part.n_files <= part.n_bytes:
        raise IllTypedError(f"parts: {part.path} has no bytes, no files, or more than any part")


def is_part_name(name: str) -> bool:
    """Return whether a file of the folder `manifest` has the name of a list part."""
    return _PART_NAME.fullmatch(name) is not None


_TABLE_NAMES = frozenset(table.name for table in STORED_TABLES)
_PART_NAME = re.compile(rf"(?:{'|'.join(sorted(_TABLE_NAMES))})-[0-9a-f]{{{_N_DIGITS}}}\.json", re.ASCII)
