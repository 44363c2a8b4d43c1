"""Tables of families → entries: accession and family, with a name if there is a third column; TSV or CSV.

A header may name the database: `Entry<TAB>Pfam`, as UniProt's REST service writes it, where one field lists several
families (`PF00069;PF07714;`) and several columns are several databases. Without a header, columns of identifiers after
the second are families as well (`P06239;PF00069;PF07714`).
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from attlas.pipeline.annotate.families import database_of, database_word, family_word
from attlas.pipeline.annotate.readers.text_rows import text_rows
from attlas.pipeline.annotate.records import Entry, Family
from attlas.pipeline.annotate.source import head
from attlas.schema import InputError

_ACCESSIONS = ("accession", "protein", "protein_id", "uniprot", "entry", "primaryaccession")
_FAMILIES = ("family", "families", "family_id", "signature", "group", "cluster", "domain", "class")
"""Words of a header that say what a column is, and not whose families they are."""
_NAMES = ("name", "description", "family_name")
_BAD_LINE = "line cannot be read"


@dataclass(frozen=True)
class _Columns:
    """Which columns of a table are read."""

    accession: int
    families: tuple[tuple[int, str | None], ...]
    """Columns of families, with their database where the header says it."""
    name: int | None = None
    database: int | None = None
    """A column that names the database of each row."""
    n: int | None = None
    """Number of columns; None where there is no header to say it."""


def is_family_table(first: Sequence[str]) -> bool:
    """Tell whether lines may be the first of such a table: by a header, or by identifiers that a database has."""
    rows = [_split(line, _delimiter(first[0])) for line in first[:2]]
    if not rows or len(rows[0]) < 2:
        return False
    if (columns := _header(rows[0])) is None:
        return _is_known(rows[0][1]) and _of_row(rows[0]) is not None
    words = [rows[0][at] for at, _ in columns.families]
    if any(database_word(word) or _key(word) in _FAMILIES for word in words):
        return True
    # A column of numbers under a word of one's own is a table of positions that lacks a column.
    return len(rows) > 1 and len(rows[1]) == len(rows[0]) and not rows[1][columns.families[0][0]].strip().isdecimal()


def read(path: Path, *, database: str | None = None) -> Iterator[Entry]:
    """Yield a table of families row by row.

    Args:
        path: the table.
        database: whose families they are; by default what the header says, else what the identifiers look like, else
            the name of the file.

    Raises:
        InputError: it cannot be read, or has no column of families.
    """
    delimiter = _delimiter(next((line for line in head(path) if not line.startswith("#")), ""))
    header: _Columns | None = None
    for i, (number, fields) in enumerate(text_rows(path, delimiter)):
        row = [" ".join(text.split()) for text in fields]  # a quoted name may hold line ends
        if i == 0:
            header = _header(row)
            if header is not None:
                continue
            _refuse_first(row, path)
        columns = header or _of_row(row)
        if columns is None or not _holds(columns, row):
            yield _bad_line(row, header, number)
        else:
            yield _entry(row, columns, number, database=database, file=path)


def _holds(columns: _Columns, row: Sequence[str]) -> bool:
    return max(columns.accession, *(at for at, _ in columns.families)) < len(row) <= (columns.n or len(row))


def _bad_line(row: Sequence[str], header: _Columns | None, number: int) -> Entry:
    accession = 0 if header is None else header.accession
    n = (header and header.n) or "an accession, then identifiers, or a family and its name"
    problem = f"{_BAD_LINE}: {len(row)} {'column' if len(row) == 1 else 'columns'} where there should be {n}"
    named = row[accession] if accession < len(row) else ""
    return Entry((named,), (), families=(Family("", "", line=number, problem=problem),))


def _entry(row: Sequence[str], columns: _Columns, number: int, *, database: str | None, file: Path) -> Entry:
    accession = row[columns.accession]
    name = row[columns.name] if columns.name is not None and columns.name < len(row) else ""
    said = row[columns.database] if columns.database is not None and columns.database < len(row) else ""
    families = [
        Family(
            database or _word(said) or of_column or database_of(part) or _stem(file), family_word(part), name, number
        )
        for at, of_column in columns.families
        for part in _parts(row[at])
    ]
    blank = Family(database or _word(said) or columns.families[0][1] or "", "", line=number)
    return Entry((accession,), (), families=tuple(families) or (blank,))


def _refuse_first(row: Sequence[str], path: Path) -> None:
    """Refuse a table without a header whose first line is no row of families. Raises InputError."""
    if _of_row(row) is None:
        raise InputError(
            f"{path.name} is no table of families.",
            expected="accession and family in the first two columns, or a header that names them",
            found=", ".join(row)[:80],
        )


def _of_row(row: Sequence[str]) -> _Columns | None:
    """Return the columns of a row without a header; None if it has some that are neither families nor one name."""
    said = [at for at in range(2, len(row)) if row[at].strip()]
    more = [at for at in said if _is_known(row[at])]
    if len(row) < 2 or (said != more and said != [2]):
        return None
    return _Columns(0, tuple((at, None) for at in (1, *more)), name=None if said == more else 2)


def _header(row: Sequence[str]) -> _Columns | None:
    """Return the columns that a first line names; None if it is a row already."""
    keys = [_key(text) for text in row]
    accession = next((at for at, key in enumerate(keys) if key in _ACCESSIONS), None)
    if accession is None or len(row) < 2:
        return None
    database = next((at for at, key in enumerate(keys) if key == "database"), None)
    name = next((at for at, key in enumerate(keys) if key in _NAMES and at != accession), None)
    known = [(at, database_word(text)) for at, text in enumerate(row) if database_word(text)]
    known = known or [(at, None) for at, key in enumerate(keys) if key in _FAMILIES]
    if not known and len(row) <= 3:
        at = next(at for at in range(len(row)) if at != accession)
        known = [(at, row[at].strip() or None)]
        name = 2 if len(row) == 3 and name is None else name
    return _Columns(accession, tuple(known), name, database, len(row)) if known else None


def _is_known(text: str) -> bool:
    """Tell whether a field holds identifiers that databases have, and nothing else."""
    parts = _parts(text)
    return bool(parts) and all(database_of(part) for part in parts)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(";") if part.strip()]


def _word(text: str) -> str:
    return database_word(text) or text.strip()


def _stem(path: Path) -> str:
    return _word(path.name.removesuffix(".gz").split(".")[0])


def _key(text: str) -> str:
    return text.strip().lower().replace(" ", "_")


def _delimiter(line: str) -> str:
    # Semicolons come last: they part the families within a field.
    return next((sign for sign in "\t,;" if sign in line), "\t")


def _split(line: str, delimiter: str) -> list[str]:
    # No quotes in tables of tabs: names such as 5'-nucleotidase or "like" proteins hold them.
    return line.split("\t") if delimiter == "\t" else next(csv.reader([line], delimiter=delimiter), [])
