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
RANGE = re.compile(r"(.+)/(\d{1,9})-(\d{1,9})")
"""`P69905/1-142`: an id with the positions that the row spans, as Jalview and Pfam write it."""
NONSTANDARD = "[^ACDEFGHIKLMNPQRSTVWY]"
"""What an X of the alignment may stand for: aligners replace letters they do not know."""


@dataclass(frozen=True)
class AlignmentRow:
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


def place_rows(atlas: Store, source: object, note: Callable[[str], None]) -> list[dict[str, Any]]:
    """Return the rows of an alignment that are proteins of the atlas: accession, first position, aligned letters.

    As `place_alignment`, for a question.
    """
    return [
        {"accession": protein["accession"], "first": begin, "aligned": row.aligned}
        for row, protein, begin in place_alignment(atlas, source, note)
    ]


def place_alignment(
    atlas: Store, source: object, note: Callable[[str], None]
) -> list[tuple[AlignmentRow, dict[str, Any], int]]:
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

    first_positions = [_first_position(row, protein["sequence"]) for row, protein in placeable]
    differing = [
        f"{protein['accession']}: {difference}"
        for (_, protein), difference in zip(placeable, first_positions, strict=True)
        if isinstance(difference, str)
    ]
    if differing:
        message = "Rows of the alignment differ from the sequences of this atlas."
        hint = "align the sequences the atlas was built from; a piece of one is fine"
        raise QuestionError(message, offenders=differing, hint=hint)

    # The differences were raised above: what is left are positions.
    return [
        (row, protein, begin)
        for (row, protein), begin in zip(placeable, first_positions, strict=True)
        if isinstance(begin, int)
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
        first_line = repr(lines[0][:60]) if lines else "nothing"
        raise QuestionError(f"{source} is no alignment.", expected=EXPECTED, found=first_line)

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


def _rows(source: object) -> list[AlignmentRow]:
    aligned_by_id = source if isinstance(source, Mapping) else read_alignment(source)
    rows = [_aligned_row(str(id), str(aligned)) for id, aligned in aligned_by_id.items()]

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


def _aligned_row(id: str, aligned: str) -> AlignmentRow:
    letters = aligned.upper().translate(GAPS).replace("*", GAP)
    if spanned := RANGE.fullmatch(id):
        return AlignmentRow(spanned[1], letters, (int(spanned[2]), int(spanned[3])))
    return AlignmentRow(id, letters)


def _proteins(
    atlas: Store, rows: list[AlignmentRow], note: Callable[[str], None]
) -> list[tuple[AlignmentRow, dict[str, Any] | None]]:
    matches = atlas.matches([row.id for row in rows])
    absent = [match.id for match in matches if not match.rows]
    if absent:
        names = ", ".join(map(printable, absent[:10])) + (f" and {len(absent) - 10:,} more" if len(absent) > 10 else "")
        note(f"rows of the alignment that are not in this atlas, left out: {names}")

    numbers = [match.rows[0] for match in matches if match.rows]
    proteins = iter(atlas.protein_rows(numbers).to_pylist())

    proteins_of_rows = [(row, next(proteins) if match.rows else None) for row, match in zip(rows, matches, strict=True)]
    for _, protein in proteins_of_rows:
        if protein is not None and protein["status"] != "ok":
            accession = printable(protein["accession"])
            note(f"{accession} was not computed ({protein['status']}: {printable(protein['reason'])}), left out")

    return [(row, protein if protein and protein["status"] == "ok" else None) for row, protein in proteins_of_rows]


def _first_position(row: AlignmentRow, sequence: str) -> int | str:
    """Return the position of the first letter of a row in the stored sequence, or in words why there is none."""
    letters = row.letters
    if not letters:
        return "the row is all gaps"

    if row.span is not None:
        begin, end = row.span
        if begin < 1 or end - begin + 1 != len(letters):
            return f"the id says {begin}-{end}, and the row holds {len(letters):,} letters"
        piece = sequence[max(begin - 1, 0) : end]
        return begin if _is_same(letters, piece) else _difference(letters, piece, begin)

    pattern = re.compile(f"(?={letters.replace('X', NONSTANDARD)})")  # ahead: pieces may overlap
    begins = [occurrence.start() + 1 for occurrence in pattern.finditer(sequence)]
    if len(begins) > 1:
        return f"the row fits at {', '.join(map(str, begins[:5]))}: say which, as in {row.id}/{begins[0]}-LAST"
    return begins[0] if begins else _difference(letters, sequence, 1)


def _is_same(letters: str, piece: str) -> bool:
    return re.fullmatch(letters.replace("X", NONSTANDARD), piece) is not None


def _difference(letters: str, piece: str, begin: int) -> str:
    """Return in words where letters first differ from a piece of a sequence that begins at position `begin`."""
    for position, (letter, residue) in enumerate(zip(letters, piece, strict=False), start=begin):
        if not _is_same(letter, residue):
            return f"{residue} at position {position} of the atlas, {letter} in the alignment"
    return f"{len(piece):,} residues in the atlas, {len(letters):,} in the alignment"
