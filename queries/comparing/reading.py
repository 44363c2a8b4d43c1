"""A file or directory of sites → what it says: its form is told by its content, never by its name."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from attlas.queries.comparing import delimited, gff3, json_text, other_atlas, parquet
from attlas.queries.comparing.claims import Row, Source
from attlas.queries.comparing.file_text import bytes_of, text_of
from attlas.queries.lookup.remote import is_url
from attlas.schema import InputError


def read(place: str | Path) -> Source:
    """Return what a source says, as it stands there.

    Raises:
        InputError: it cannot be read, holds no row, or lacks a column.
        BrokenAtlasError: it is a directory, but no atlas.
    """
    path = Path(place)
    if (isinstance(place, str) and is_url(place)) or path.is_dir():
        return other_atlas.read(place)
    data = bytes_of(path)
    if data.startswith(parquet.MARK):
        return _source(path, "Parquet", data, parquet.read(data, path))
    text = text_of(data, path)
    start = text.lstrip()[:20]
    if start.startswith(gff3.HEADER):
        return _source(path, "GFF3", data, gff3.read(text), base=1)
    if start.startswith(("{", "[")):
        return _source(path, "JSON", data, json_text.read(text, path))
    return _source(path, "table of text", data, delimited.read(text, path))


def read_layers(path: Path) -> list[tuple[int, str, int | None]]:
    """Return line, protein and layer of a file of layers.

    Raises:
        InputError: as `read`.
    """
    return list(delimited.read_layers(text_of(bytes_of(path), path), path))


def _source(path: Path, kind: str, data: bytes, rows: Iterable[Row], *, base: int | None = None) -> Source:
    found = tuple(rows)
    if not found:
        raise InputError(f"{path.name} holds no row.", expected="a table of sites", found=f"read as {kind}")
    is_list = any(len(row.spots) > 1 for row in found)
    return Source(path.name, kind, hashlib.sha256(data).hexdigest(), found, base=base, is_list=is_list)
