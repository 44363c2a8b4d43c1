"""An alignment of proteins of the atlas: aligned FASTA read, its letters checked against the stored sequences."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attlas.intake.files import read_file
from attlas.intake.text import numbered_lines
from attlas.queries.asking.alignment_blocks import is_blocks, read_blocks
from attlas.queries.store import Store
from attlas.queries.text import printable
from attlas.schema import QuestionError

EXPECTED = "an alignment as FASTA, Stockholm or Clustal"
"""What a file should be, for messages."""
GAP = "-"
GAPS = str.maketrans({".": GAP, "~": GAP, "_": GAP})
"""Other signs for a gap, as Stockholm, MSF and hmmer's programs write them."""
RANGE = re.compile(r"(.+)/(\d+)-(\d+)")
"""`P69905/1-142`: an id with the positions that the row spans, as Jalview and Pfam write it."""
NONSTANDARD = "[^ACDEFGHIKLMNPQRSTVWY]"
"""What an X of the alignment may stand for: aligners replace letters they do not know."""


@dataclass(frozen=True)
class Row:
    """One row of an alignment."""

    id: str
    aligned: str
    """Letters in upper case and `-`, as many as the alignment has columns."""
    span: tuple[int, int] | None = None
    """First and last position, 1-based and inclusive, where the id says them."""

    @property
    def letters(self) -> str:
        """The row without gaps."""
        return self.aligned.replace(GAP, "")


def placed_rows(atlas: Store, source: object, note: Callable[[str], None]) -> list[dict[str, Any]]:
    """Return the rows of an alignment that are proteins of the atlas: accession, first position, aligned letters.

    As `place`, for a question.
    """
    return [
        {"accession": protein["accession"], "first": first, "aligned": row.aligned}
        for row, protein, first in place(atlas, source, note)
    ]


def place(atlas: Store, source: object, note: Callable[[str], None]) -> list[tuple[Row, dict[str, Any], int]]:
    """Return the rows of an alignment that are proteins of the atlas, each with its protein and its first position.

    `source` is a path, `-` for stdin, or a mapping of ids to aligned sequences. Rows of proteins that are not in the
    atlas, or were not computed, are left out and named in a note: alignments hold proteins of other proteomes.

    Raises:
        QuestionError: it is no alignment, none of its rows is in the atlas, or letters differ from those stored.
    """
    rows = _rows(source)
    placeable = [(row, protein) for row, protein in _proteins(atlas, rows, note) if protein is not None]
    if not placeable:
        hint = "ids are the first word of a header line, with or without /FIRST-LAST at the end"
        names = [row.id for row in rows]
        raise QuestionError("No row of the alignment is a computed protein of this atlas.", offenders=names, hint=hint)

    first_positions = [_first(row, protein["sequence"]) for row, protein in placeable]
    differing = [
        f"{protein['accession']}: {at}"
        for (_, protein), at in zip(placeable, first_positions, strict=True)
        if isinstance(at, str)
    ]
    if differing:
        what = "Rows of the alignment differ from the sequences of this atlas."
        hint = "align the sequences the atlas was built from; a piece of one is fine"
        raise QuestionError(what, offenders=differing, hint=hint)

    # The differences were raised above: what is left are positions.
    return [
        (row, protein, first)
        for (row, protein), first in zip(placeable, first_positions, strict=True)
        if isinstance(first, int)
    ]


def read_alignment(source: object) -> dict[str, str]:
    """Return the rows of aligned FASTA by the first word of their header lines, of Stockholm or Clustal by their ids.

    It may be compressed, and `-` is standard input.

    Raises:
        InputError: it cannot be read.
        QuestionError: it is none of these, or names a row twice.
    """
    if not isinstance(source, (str, Path)):
        raise QuestionError("An alignment is a FASTA file.", found=type(source).__name__)
    text = read_file(source, expected=EXPECTED).text
    if is_blocks(text):
        return read_blocks(text)

    lines = [line.strip() for _, line in numbered_lines(text) if line.strip() and not line.startswith(";")]
    if not lines or not lines[0].startswith(">"):
        found = repr(lines[0][:60]) if lines else "nothing"
        raise QuestionError(f"{source} is no alignment.", expected=EXPECTED, found=found)
    rows: dict[str, list[str]] = {}
    for line in lines:
        if line.startswith(">"):
            id = (line[1:].split() or [""])[0]
            if id in rows:
                raise QuestionError(f"The alignment {source} has two rows {id}.", hint="give each /FIRST-LAST")
            letters = rows[id] = []
        else:
            letters.append("".join(line.split()))
    return {id: "".join(parts) for id, parts in rows.items()}


def _rows(source: object) -> list[Row]:
    given = source if isinstance(source, Mapping) else read_alignment(source)
    rows = [_row(str(id), str(aligned)) for id, aligned in given.items()]

    lengths = {len(row.aligned) for row in rows}
    if len(lengths) > 1:
        long, short = (next(row for row in rows if len(row.aligned) == n) for n in (max(lengths), min(lengths)))
        raise QuestionError(
            "The rows of an alignment are of one length.",
            found=f"{len(long.aligned)} columns in {long.id}, {len(short.aligned)} in {short.id}",
            hint="write it as aligned FASTA, with `-` for every gap (A3M leaves some out)",
        )

    if with_other_signs := [f"{row.id}: {bad[0]!r}" for row in rows if (bad := re.search("[^A-Z-]", row.aligned))]:
        raise QuestionError("An alignment holds letters and gaps.", offenders=with_other_signs)
    return rows


def _row(id: str, aligned: str) -> Row:
    letters = aligned.upper().translate(GAPS).replace("*", GAP)
    if spanned := RANGE.fullmatch(id):
        return Row(spanned[1], letters, (int(spanned[2]), int(spanned[3])))
    return Row(id, letters)


def _proteins(atlas: Store, rows: list[Row], note: Callable[[str], None]) -> list[tuple[Row, dict[str, Any] | None]]:
    matches = atlas.matches([row.id for row in rows])
    absent = [match.asked for match in matches if not match.rows]
    if absent:
        shown = ", ".join(map(printable, absent[:10])) + (f" and {len(absent) - 10:,} more" if len(absent) > 10 else "")
        note(f"rows of the alignment that are not in this atlas, left out: {shown}")

    numbers = [match.rows[0] for match in matches if match.rows]
    proteins = iter(atlas.protein_rows(numbers).to_pylist())
    proteins_of_rows = [(row, next(proteins) if match.rows else None) for row, match in zip(rows, matches, strict=True)]

    for _, protein in proteins_of_rows:
        if protein is not None and protein["status"] != "ok":
            accession = printable(protein["accession"])
            note(f"{accession} was not computed ({protein['status']}: {printable(protein['reason'])}), left out")

    return [(row, protein if protein and protein["status"] == "ok" else None) for row, protein in proteins_of_rows]


def _first(row: Row, sequence: str) -> int | str:
    """Return the position of the first letter of a row in the stored sequence, or in words why there is none."""
    letters = row.letters
    if not letters:
        return "the row is all gaps"
    if row.span is not None:
        first, last = row.span
        if first < 1 or last - first + 1 != len(letters):
            return f"the id says {first}-{last}, and the row holds {len(letters):,} letters"
        piece = sequence[max(first - 1, 0) : last]
        return first if _is_same(letters, piece) else _difference(letters, piece, first)

    pattern = re.compile(f"(?={letters.replace('X', NONSTANDARD)})")  # ahead: pieces may overlap
    firsts = [found.start() + 1 for found in pattern.finditer(sequence)]
    if len(firsts) > 1:
        return f"the row fits at {', '.join(map(str, firsts[:5]))}: say which, as in {row.id}/{firsts[0]}-LAST"
    return firsts[0] if firsts else _difference(letters, sequence, 1)


def _is_same(letters: str, piece: str) -> bool:
    return re.fullmatch(letters.replace("X", NONSTANDARD), piece) is not None


def _difference(letters: str, piece: str, first: int) -> str:
    """Return in words where letters first differ from a piece of a sequence that begins at position `first`."""
    for at, (given, stored) in enumerate(zip(letters, piece, strict=False), start=first):
        if not _is_same(given, stored):
            return f"{stored} at position {at} of the atlas, {given} in the alignment"
    return f"{len(piece):,} residues in the atlas, {len(letters):,} in the alignment"
