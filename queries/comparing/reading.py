"""A file or directory of sites → a published table: its form follows from its content, never from its name."""

from collections.abc import Iterable
from pathlib import Path

from attlas.intake.files import HandedFile, read_file
from attlas.intake.gff3 import HEADER
from attlas.queries.comparing.delimited import read_delimited
from attlas.queries.comparing.delimited import read_layers as read_layer_rows
from attlas.queries.comparing.gff3 import read_gff3_sites
from attlas.queries.comparing.json_text import read_json
from attlas.queries.comparing.other_atlas import read_atlas
from attlas.queries.comparing.parquet import MAGIC, read_parquet
from attlas.queries.comparing.published import PublishedRow, PublishedTable
from attlas.queries.lookup.remote import is_url
from attlas.schema import InputError

EXPECTED = "a table of sites"
"""What a file should be, for messages."""

_N_START = 20
"""Characters that decide the form of a text."""


def read_table(place: str | Path) -> PublishedTable:
    """Return a table of sites as a file has it (`-` is standard input), or the sites of another atlas.

    Raises:
        InputError: it cannot be read, holds no row, or lacks a column.
        BrokenAtlasError: it is a directory, but no atlas.
    """
    if (isinstance(place, str) and is_url(place)) or Path(place).is_dir():
        return read_atlas(place)

    file = read_file(place, expected=EXPECTED)
    if file.data.startswith(MAGIC):
        return _table(file, "Parquet", read_parquet(file))

    start = file.text.lstrip()[:_N_START]
    if start.startswith(HEADER):
        return _table(file, "GFF3", read_gff3_sites(file), first_position=1)
    if start.startswith(("{", "[")):
        return _table(file, "JSON", read_json(file))
    return _table(file, "table of text", read_delimited(file))


def read_layers(path: Path) -> list[tuple[int, str, int | None]]:
    """Return line, protein and layer of a file of layers.

    Raises:
        InputError: it cannot be read, holds no row, or lacks a column.
    """
    return list(read_layer_rows(read_file(path, expected="a table of proteins and layers")))


def _table(
    file: HandedFile, kind: str, rows: Iterable[PublishedRow], *, first_position: int | None = None
) -> PublishedTable:
    table_rows = tuple(rows)
    if not table_rows:
        raise InputError(f"{file.name} holds no row.", expected=EXPECTED, found=f"read as {kind}")

    return PublishedTable(
        name=file.name,
        kind=kind,
        sha256=file.sha256,
        rows=table_rows,
        first_position=first_position,
        has_lists=any(len(row.sites) > 1 for row in table_rows),
    )
