"""Tables with a header line → entries: UniProt's features as TSV, and a plain CSV of accession, position, label."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from attlas.pipeline.annotate.readers.text_rows import text_rows
from attlas.pipeline.annotate.records import Claim, Entry, Record, described, eco_codes, whole_number
from attlas.pipeline.annotate.source import head
from attlas.pipeline.annotate.types import type_word
from attlas.schema import InputError

_COLUMNS = {
    "accession": ("accession", "protein", "protein_id", "uniprot", "entry"),
    "type": ("type", "label", "feature"),
    "position": ("position", "pos"),
    "begin": ("begin", "start"),
    "end": ("end", "stop"),
    "description": ("description", "note"),
    "ligand": ("ligand",),
    "evidence": ("evidence", "evidence_codes"),
    "residue": ("residue", "aa", "amino_acid"),
    "sequence": ("sequence",),
    "md5": ("md5",),
    "crc64": ("crc64",),
    "length": ("length",),
    "sequence_version": ("sequence_version",),
}
"""Columns read, each by the names it may have; letter case does not count."""

_NAMES = {name: column for column, names in _COLUMNS.items() for name in names}
_WITHOUT_HEADER = {3: ("accession", "position", "type"), 4: ("accession", "begin", "end", "type")}
"""Columns of a table whose first line is a row already, by their number."""


def is_table(line: str) -> bool:
    """Tell whether a line may be the first of such a table."""
    return _columns(_split(line)) is not None


def read_tsv(path: Path) -> Iterator[Entry]:
    """Yield a tab-separated table row by row. Raises InputError as `read_csv`."""
    yield from _read(path, "\t")


def read_csv(path: Path) -> Iterator[Entry]:
    """Yield a table row by row, separated by commas, or by semicolons as some spreadsheets write it.

    Raises:
        InputError: it cannot be read, or lacks a column.
    """
    yield from _read(path, None)


def _read(path: Path, delimiter: str | None) -> Iterator[Entry]:
    columns: Sequence[str | None] | None = None
    for line, row in text_rows(path, delimiter or _delimiter(_first(path))):
        if columns is None:
            columns, is_header = _of_first(row, path)
            if is_header:
                continue
        yield _entry(columns, row, line)


def _first(path: Path) -> str:
    return next((line for line in head(path) if not line.startswith("#")), "")


def _of_first(row: list[str], path: Path) -> tuple[Sequence[str | None], bool]:
    found = _columns(row)
    if found is None:
        raise InputError(
            f"{path.name} lacks a column.",
            expected="a header line with accession, position (or begin and end), and label (or type)",
            found=", ".join(row)[:80],
        )
    return found


def _columns(row: list[str]) -> tuple[Sequence[str | None], bool] | None:
    """Return the columns by place, and whether the row names them; None if this is no such table."""
    names = [_NAMES.get(text.strip().lower().replace(" ", "_")) for text in row]
    has_position = "position" in names or {"begin", "end"} <= set(names)
    if has_position and {"accession", "type"} <= set(names):
        return names, True
    usual = _WITHOUT_HEADER.get(len(row))
    if usual and all(text.strip().isdecimal() for text in row[1:-1]):
        return usual, False
    return None


def _entry(columns: Sequence[str | None], row: list[str], line: int) -> Entry:
    values = {column: text.strip() for column, text in zip(columns, row, strict=False) if column}
    accession = values.get("accession", "")
    if len(row) != len(columns):
        problem = f"line cannot be read: {len(row)} columns where its header has {len(columns)}"
        return Entry((accession,), (Record("", "", "", line=line, problem=problem),))
    record = Record(
        type=type_word(values["type"]),
        begin=values.get("begin", values.get("position", "")),
        end=values.get("end", values.get("position", "")),
        description=described(values.get("description"), ligand=values.get("ligand")),
        evidence=eco_codes(values.get("evidence")),
        residue=values.get("residue") or None,
        line=line,
    )
    return Entry((accession,), (record,), _claim(values))


def _claim(values: dict[str, str]) -> Claim:
    return Claim(
        sequence=values.get("sequence") or None,
        md5=(values.get("md5") or "").lower() or None,
        crc64=(values.get("crc64") or "").upper() or None,
        length=whole_number(values.get("length")),
        version=whole_number(values.get("sequence_version")),
    )


def _delimiter(line: str) -> str:
    return max(",;\t", key=line.count)


def _split(line: str) -> list[str]:
    return next(csv.reader([line], delimiter=_delimiter(line)), [])
