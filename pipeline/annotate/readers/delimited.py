"""Tables with a header line → entries: UniProt's features as TSV, and a plain CSV of accession, position, label."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from attlas.intake.claims import SequenceClaim, plain_position, whole_number
from attlas.intake.rejects import Problem, Reason
from attlas.intake.rows import find_columns, split_row
from attlas.pipeline.annotate.readers.text_rows import first_row_line, text_rows
from attlas.pipeline.annotate.records import Entry, FeatureRecord, describe_feature, eco_codes
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
"""Columns read, each by the names it may have, in order of preference."""

_WITHOUT_HEADER = {3: ("accession", "position", "type"), 4: ("accession", "begin", "end", "type")}
"""Columns of a table whose first line is a row already, by their number."""
_DELIMITERS = ",;\t"


def is_table(line: str) -> bool:
    """Tell whether a line may be the first of such a table."""
    cells = split_row(line, _delimiter(line))
    return bool(_header_places(cells) or _usual_places(cells))


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
    places: Mapping[str, int] = {}
    n_columns = 0
    for line, row in text_rows(path, delimiter or _delimiter(first_row_line(path))):
        if not places:
            places, n_columns = _header_places(row), len(row)
            if places:
                continue
            places = _usual_places(row)
            if not places:
                raise _column_error(row, path)
        yield _entry(places, n_columns, row, line)


def _header_places(row: Sequence[str]) -> dict[str, int]:
    """Return the places of the columns that a header names; empty if it is no header of such a table."""
    places = find_columns(row, _COLUMNS)
    has_position = "position" in places or {"begin", "end"} <= set(places)
    return places if has_position and {"accession", "type"} <= set(places) else {}


def _usual_places(row: Sequence[str]) -> dict[str, int]:
    """Return the places of the columns of a row of a table without a header; empty if it is none."""
    columns = _WITHOUT_HEADER.get(len(row), ())
    if columns and all(cell.strip().isdecimal() for cell in row[1:-1]):
        return {column: place for place, column in enumerate(columns)}
    return {}


def _column_error(row: Sequence[str], path: Path) -> InputError:
    return InputError(
        f"{path.name} lacks a column.",
        expected="a header line with accession, position (or begin and end), and label (or type)",
        found=", ".join(row)[:80],
    )


def _entry(places: Mapping[str, int], n_columns: int, row: Sequence[str], line: int) -> Entry:
    values = {column: row[place].strip() for column, place in places.items() if place < len(row)}
    accession = values.get("accession", "")
    if len(row) != n_columns:
        problem = Problem(Reason.UNREADABLE_LINE, f"{len(row)} columns where its header has {n_columns}")
        return Entry((accession,), (FeatureRecord("", "", "", line=line, problem=problem),))

    record = FeatureRecord(
        type=type_word(values["type"]),
        begin=plain_position(values.get("begin", values.get("position", ""))),
        end=plain_position(values.get("end", values.get("position", ""))),
        description=describe_feature(values.get("description"), ligand=values.get("ligand")),
        evidence=eco_codes(values.get("evidence")),
        residue=values.get("residue") or None,
        line=line,
    )

    return Entry((accession,), (record,), _claim(values))


def _claim(values: Mapping[str, str]) -> SequenceClaim:
    return SequenceClaim(
        sequence=values.get("sequence") or None,
        md5=(values.get("md5") or "").lower() or None,
        crc64=(values.get("crc64") or "").upper() or None,
        length=whole_number(values.get("length")),
        version=whole_number(values.get("sequence_version")),
    )


def _delimiter(line: str) -> str:
    return max(_DELIMITERS, key=line.count)
