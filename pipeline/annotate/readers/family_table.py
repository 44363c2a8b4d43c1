"""Tables of families → entries: accession and family, with a name if there is a third column; TSV or CSV.

A header may name the database: `Entry<TAB>Pfam`, as UniProt's REST service writes it, where one field lists several
families (`PF00069;PF07714;`) and several columns are several databases. Without a header, columns of identifiers after
the second are families as well (`P06239;PF00069;PF07714`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from attlas.intake.compression import plain_name
from attlas.intake.rejects import Problem, Reason
from attlas.intake.rows import column_key, split_row
from attlas.pipeline.annotate.families import database_of, database_word, family_word
from attlas.pipeline.annotate.readers.text_rows import first_row_line, text_rows
from attlas.pipeline.annotate.records import Entry, FamilyRecord
from attlas.schema import InputError

_ACCESSIONS = ("accession", "protein", "protein_id", "uniprot", "entry", "primaryaccession")
"""Words of a header that say that a column holds the proteins."""
_FAMILIES = ("family", "families", "family_id", "signature", "group", "cluster", "domain", "class")
"""Words of a header that say what a column is, and not whose families they are."""
_NAMES = ("name", "description", "family_name")
"""Words of a header that say that a column holds the names of families."""
_DELIMITERS = "\t,;"
"""Separators of columns. Semicolons come last, because they separate the families within a field."""


@dataclass(frozen=True)
class _FamilyColumns:
    """The columns of a table that are read."""

    accession: int
    families: tuple[tuple[int, str | None], ...]
    """Columns of families, with their database where the header says it."""
    name: int | None = None
    database: int | None = None
    """A column that names the database of each row."""
    n: int | None = None
    """Number of columns; None where there is no header to say it."""


def is_family_table(lines: Sequence[str]) -> bool:
    """Tell whether lines may be the first of such a table: by a header, or by identifiers that a database has."""
    rows = [split_row(line, _delimiter(lines[0])) for line in lines[:2]]
    if not rows or len(rows[0]) < 2:
        return False
    if (columns := _header_columns(rows[0])) is None:
        return _is_of_database(rows[0][1]) and _row_columns(rows[0]) is not None

    words = [rows[0][place] for place, _ in columns.families]
    if any(database_word(word) or column_key(word) in _FAMILIES for word in words):
        return True
    # A column of numbers under a word of one's own is a table of positions that lacks a column.
    family_place = columns.families[0][0]
    return len(rows) > 1 and len(rows[1]) == len(rows[0]) and not rows[1][family_place].strip().isdecimal()


def read(path: Path, *, database: str | None = None) -> Iterator[Entry]:
    """Yield a table of families row by row.

    Args:
        path: the table.
        database: whose families they are; by default what the header says, else what the identifiers look like, else
            the name of the file.

    Raises:
        InputError: it cannot be read, or has no column of families.
    """
    header: _FamilyColumns | None = None
    for i, (number, fields) in enumerate(text_rows(path, _delimiter(first_row_line(path)))):
        row = [" ".join(text.split()) for text in fields]  # a quoted name may hold line ends
        if i == 0:
            header = _header_columns(row)
            if header is not None:
                continue
            _refuse_first(row, path)

        columns = header or _row_columns(row)
        if columns is None or not _has_columns(row, columns):
            yield _unreadable_entry(row, header, number)
        else:
            yield _entry(row, columns, number, database=database, file=path)


def _has_columns(row: Sequence[str], columns: _FamilyColumns) -> bool:
    last_place = max(columns.accession, *(place for place, _ in columns.families))
    return last_place < len(row) <= (columns.n or len(row))


def _unreadable_entry(row: Sequence[str], header: _FamilyColumns | None, number: int) -> Entry:
    accession_place = 0 if header is None else header.accession
    n = (header and header.n) or "an accession, then identifiers, or a family and its name"
    detail = f"{len(row)} {'column' if len(row) == 1 else 'columns'} where there should be {n}"
    accession = row[accession_place] if accession_place < len(row) else ""
    record = FamilyRecord("", "", line=number, problem=Problem(Reason.UNREADABLE_LINE, detail))
    return Entry((accession,), (), families=(record,))


def _entry(row: Sequence[str], columns: _FamilyColumns, number: int, *, database: str | None, file: Path) -> Entry:
    name = row[columns.name] if columns.name is not None and columns.name < len(row) else ""
    of_row = row[columns.database] if columns.database is not None and columns.database < len(row) else ""
    families = [
        FamilyRecord(
            database=database or _database(of_row) or of_column or database_of(part) or _database_of_file(file),
            family=family_word(part),
            name=name,
            line=number,
        )
        for place, of_column in columns.families
        for part in _parts(row[place])
    ]

    blank = FamilyRecord(database or _database(of_row) or columns.families[0][1] or "", "", line=number)
    return Entry((row[columns.accession],), (), families=tuple(families) or (blank,))


def _refuse_first(row: Sequence[str], path: Path) -> None:
    """Refuse a table without a header whose first line is no row of families. Raises InputError."""
    if _row_columns(row) is None:
        raise InputError(
            f"{path.name} is no table of families.",
            expected="accession and family in the first two columns, or a header that names them",
            found=", ".join(row)[:80],
        )


def _row_columns(row: Sequence[str]) -> _FamilyColumns | None:
    """Return the columns of a row without a header; None if it has some that are neither families nor one name."""
    filled = [place for place in range(2, len(row)) if row[place].strip()]
    of_databases = [place for place in filled if _is_of_database(row[place])]
    if len(row) < 2 or (filled != of_databases and filled != [2]):
        return None
    return _FamilyColumns(
        0, tuple((place, None) for place in (1, *of_databases)), name=None if filled == of_databases else 2
    )


def _header_columns(row: Sequence[str]) -> _FamilyColumns | None:
    """Return the columns that a first line names; None if it is a row already."""
    keys = [column_key(text) for text in row]
    accession = next((place for place, key in enumerate(keys) if key in _ACCESSIONS), None)
    if accession is None or len(row) < 2:
        return None
    database = next((place for place, key in enumerate(keys) if key == "database"), None)
    name = next((place for place, key in enumerate(keys) if key in _NAMES and place != accession), None)

    families = [(place, database_word(text)) for place, text in enumerate(row) if database_word(text)]
    families = families or [(place, None) for place, key in enumerate(keys) if key in _FAMILIES]
    if not families and len(row) <= 3:
        # Two columns, or three with a name: the word above the second says whose families they are.
        place = next(place for place in range(len(row)) if place != accession)
        families = [(place, row[place].strip() or None)]
        name = 2 if len(row) == 3 and name is None else name
    return _FamilyColumns(accession, tuple(families), name, database, len(row)) if families else None


def _is_of_database(text: str) -> bool:
    """Tell whether a field holds identifiers that databases have, and nothing else."""
    parts = _parts(text)
    return bool(parts) and all(database_of(part) for part in parts)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(";") if part.strip()]


def _database(text: str) -> str:
    return database_word(text) or text.strip()


def _database_of_file(path: Path) -> str:
    return _database(plain_name(path.name).split(".")[0])


def _delimiter(line: str) -> str:
    return next((sign for sign in _DELIMITERS if sign in line), "\t")
