"""The entry of a manifest or receipt for one Parquet file; its path is checked when it is parsed."""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache

from attlas.schema.json_file import IllTypedError, from_json
from attlas.schema.tables import ADDED_TABLES, INDEX_TABLES, PROTEINS, SHARD_TABLES

_SHARD_NAME = r"shard-\d{5,9}"
_PART_NAME = r"{table}-\d{{5,9}}-of-\d{{5,9}}"
"""File of a release, whose shards are joined."""
_ADDED_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,200}"
"""File of a table added to a sealed atlas: it has the name of a source, or of a pass and a shard."""
_MAX_TAIL_BYTES = 1 << 28
"""More than the tail of any file; a reader holds the whole tail in memory."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class TableFile:
    """The entry of a Parquet file of an atlas."""

    table: str
    """Name of its table."""
    path: str
    """Path relative to the atlas, forward slashes."""
    n_rows: int
    n_bytes: int
    sha256: str
    tail_bytes: int
    """Bytes at the end of the file that a reader checks by `tail_sha256`: its footer, and the root of the digests of
    all its blocks (`schema/blocks.py`)."""
    tail_sha256: str
    first_sequence_id: int | None = None
    """Smallest `sequence_id` in the file; None for `proteins`, and where a table has none. A lookup opens only the file
    that can hold it."""
    last_sequence_id: int | None = None
    first_key: str | None = None
    """Smallest key in a file of an index; None for other tables. A lookup opens only the file that can hold a key."""
    last_key: str | None = None


def parse_table_files(values: object) -> tuple[TableFile, ...]:
    """Return the files that a manifest or a receipt names, from the values that `json.loads` returns.

    Raises:
        IllTypedError: a value has another type; a table is unknown; a path occurs twice, or is not a path of the
            table's files (relative, with forward slashes, inside the atlas).
    """
    files = from_json(tuple[TableFile, ...], values, name="files")
    for file in files:
        _check_entry(file)

    repeated = [path for path, n in Counter(file.path for file in files).items() if n > 1]
    if repeated:
        raise IllTypedError(f"files: {repeated[0]} is named twice")
    return files


def _check_entry(file: TableFile) -> None:
    """Refuse an entry that no file of an atlas has. Raises IllTypedError."""
    pattern = _path_pattern(file.table)
    if pattern is None:
        raise IllTypedError(f"files: no table is named {file.table!a}"[:200])
    if not pattern.fullmatch(file.path):
        raise IllTypedError(f"files: {file.path!a} is no path of a file of {file.table} inside the atlas"[:300])

    numbers = (file.n_rows, file.n_bytes, file.first_sequence_id, file.last_sequence_id)
    if not all(is_count(number) for number in numbers):
        raise IllTypedError(f"files: a number of {file.path} is not between 0 and 2^63")
    if not 0 < file.tail_bytes <= min(file.n_bytes, _MAX_TAIL_BYTES):
        raise IllTypedError(f"files: tail_bytes of {file.path} is not between 1 and its size, or above 2^28")
    if not all(is_sha256(text) for text in (file.sha256, file.tail_sha256)):
        raise IllTypedError(f"files: a digest of {file.path} is no SHA-256")


def is_count(number: int | None) -> bool:
    """Return whether a number of an entry may stand there: None, or from 0 to below 2^63."""
    return number is None or 0 <= number < 2**63


def is_sha256(text: str) -> bool:
    """Return whether a text is a SHA-256, lower-case hexadecimal."""
    return _SHA256.fullmatch(text) is not None


@cache
def _path_pattern(table_name: str) -> re.Pattern[str] | None:
    """Return the pattern that the paths of a table's files match; None of a table that there is not."""
    names = {PROTEINS.name: PROTEINS.name}
    names |= {table.name: _PART_NAME.format(table=table.name) for table in INDEX_TABLES}
    names |= {table.name: f"(?:{_SHARD_NAME}|{_PART_NAME.format(table=table.name)})" for table in SHARD_TABLES}
    names |= {table.name: _ADDED_NAME for table in ADDED_TABLES}
    if table_name not in names:
        return None
    return re.compile(rf"{table_name}/{names[table_name]}\.parquet", re.ASCII)
