"""A block of FASTA → the rows of its records: headers parsed, letters checked; none is dropped without a reason."""

import re
from dataclasses import dataclass, field
from hashlib import md5
from typing import NamedTuple

import pyarrow as pa

from attlas.intake.text import decode
from attlas.pipeline.proteins.fasta import RecordBlock
from attlas.pipeline.proteins.headers import FastaHeader, parse_header
from attlas.schema import InputError

MAX_RESIDUES = 65_504
"""Longest sequence computed. A residue receives at most N (every query gives at most 1), and `residues.received` is
float16, whose largest number is 65,504."""

STANDARD_LETTERS = "ACDEFGHIKLMNPQRSTVWY"
"""The 20 standard amino acids; UniProt's other letters J, U, O, B, Z, X are accepted too and counted."""

RECORDS = pa.schema(
    [
        ("accession", pa.string()),
        ("entry_name", pa.string()),
        ("gene", pa.string()),
        ("organism", pa.string()),
        ("taxon_id", pa.int32()),
        ("sequence_version", pa.int32()),
        ("description", pa.string()),
        ("n_members", pa.int32()),
        ("sequence", pa.string()),
        ("md5", pa.binary(16)),
        ("n_nonstandard", pa.int32()),
        ("line", pa.int64()),
        ("reason", pa.string()),
    ]
)
"""A record of the input; `line` is that of its header, and `reason` says why it is skipped, null where it is not."""

MOST_LISTED = 100
"""Records at fault of one kind that are kept for the message, so that a broken file does not fill memory."""

_FOREIGN = re.compile(r"[^ABCDEFGHIJKLMNOPQRSTUVWXYZ]")
_BLANKS = b" \t\v\f"
_STANDARD = STANDARD_LETTERS.encode()
_NUCLEOTIDES = b"ACGTUN"
_NUCLEOTIDE_SHARE = 0.95
"""Share of nucleotide letters above which a sequence may be one of nucleotides."""
_MIN_NUCLEOTIDES = 300
"""Letters of a file below which it is not judged: a peptide may be made of A, C, G and T."""


@dataclass(frozen=True)
class LetterCounts:
    """The letters of a file, or of a part of it, that tell nucleotides from proteins."""

    n_letters: int = 0
    may_be_nucleotides: bool = True
    """Whether other letters than those of nucleotides are rare in every sequence."""
    counts: tuple[int, ...] = (0, 0, 0, 0)
    """Letters A, C, G, and T or U; of no meaning where it cannot be nucleotides."""

    def __add__(self, other: "LetterCounts") -> "LetterCounts":
        return LetterCounts(
            self.n_letters + other.n_letters,
            self.may_be_nucleotides and other.may_be_nucleotides,
            tuple(a + b for a, b in zip(self.counts, other.counts, strict=True)),
        )

    @property
    def are_nucleotides(self) -> bool:
        """Return whether the file is one of nucleotides: none of the four bases is rare in it.

        A single sequence of that kind may be a protein (poly-Ala, Gly-Ala repeats), so a file is judged as a whole.
        """
        is_long = self.n_letters >= _MIN_NUCLEOTIDES
        return is_long and self.may_be_nucleotides and min(self.counts) >= (1 - _NUCLEOTIDE_SHARE) * self.n_letters


@dataclass(frozen=True)
class ParsedBlock:
    """The rows of the records of a block, in order of the input."""

    rows: pa.Table
    """Columns of RECORDS."""
    file: int
    letters: LetterCounts
    blank_accessions: tuple[str, ...]
    """Lines of headers whose accession is white space alone, in words: the first MOST_LISTED."""
    n_blank_accessions: int


class Sequence(NamedTuple):
    """The sequence of a record, and why it is skipped, if it is."""

    letters: bytes
    """Upper case, without blanks and one trailing `*`, as UTF-8; letters as in the input (J stays J)."""
    reason: str | None


@dataclass
class _Columns:
    """The values of the columns of RECORDS, record by record."""

    headers: list[FastaHeader] = field(default_factory=list)
    sequences: list[bytes] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    reasons: list[str | None] = field(default_factory=list)

    def table(self) -> pa.Table:
        header_columns = zip(*self.headers, strict=True)
        digests = [md5(letters, usedforsecurity=False).digest() for letters in self.sequences]
        n_nonstandard = [len(letters.translate(None, _STANDARD)) for letters in self.sequences]
        columns = [*header_columns, self.sequences, digests, n_nonstandard, self.lines, self.reasons]
        return pa.table(
            [pa.array(values, column.type) for values, column in zip(columns, RECORDS, strict=True)], schema=RECORDS
        )


def parse_block(block: RecordBlock, *, max_length: int | None) -> ParsedBlock:
    """Return the rows of the records of a block; a record that cannot be computed has a reason.

    Args:
        block: at least one record.
        max_length: longest sequence to compute, residues; longer ones get a reason. None: MAX_RESIDUES.
    """
    columns = _Columns()
    line = block.line
    for text in block.text.removeprefix(b">").split(b"\n>"):
        header_text, _, body = text.partition(b"\n")
        header = parse_header(decode(header_text), line=line)
        sequence = read_sequence(body, block, line=line, max_length=max_length)
        columns.headers.append(header)
        columns.sequences.append(sequence.letters)
        columns.lines.append(line)
        columns.reasons.append(sequence.reason)
        line += text.count(b"\n") + 1

    blanks = [
        (line, header.accession)
        for header, line in zip(columns.headers, columns.lines, strict=True)
        if header.accession.isspace()
    ]
    listed = tuple(f"{block.describe_line(line)}: {accession!r}" for line, accession in blanks[:MOST_LISTED])
    return ParsedBlock(columns.table(), block.file, count_letters(columns.sequences), listed, len(blanks))


def read_sequence(body: bytes, block: RecordBlock, *, line: int, max_length: int | None) -> Sequence:
    """Return the sequence of a record from the lines below its header, which is line `line` of the input."""
    # bytes.upper touches ASCII only: no letter changes the length of what follows.
    letters = body.translate(None, _BLANKS + b"\n").upper()
    if letters.isascii():
        letters = letters.removesuffix(b"*")
        if letters.isalpha():
            return Sequence(letters, _describe_length(len(letters), max_length))
        text = letters.decode("ascii")
    else:
        text = "".join(_clean_lines(body)).removesuffix("*")

    reason = _describe_foreign_letter(text, body, block, line) or _describe_length(len(text), max_length)
    return Sequence(text.encode(), reason)


def count_letters(sequences: list[bytes]) -> LetterCounts:
    """Return the counts of letters that tell whether sequences are of nucleotides."""
    n_letters = sum(map(len, sequences))
    max_rare = 1 - _NUCLEOTIDE_SHARE
    if any(len(letters.translate(None, _NUCLEOTIDES)) > max_rare * len(letters) for letters in sequences):
        return LetterCounts(n_letters, may_be_nucleotides=False)

    counts = {base: sum(letters.count(base) for letters in sequences) for base in (b"A", b"C", b"G", b"T", b"U")}
    counts[b"T"] += counts.pop(b"U")
    return LetterCounts(n_letters, may_be_nucleotides=True, counts=tuple(counts.values()))


def refuse_blank_accessions(lines: list[str], n_lines: int, name: str) -> None:
    """Refuse accessions that are white space alone, such as a no-break space: nobody could type them.

    Args:
        lines: the first lines with such headers, in words.
        n_lines: their number.
        name: of the input.
    """
    if n_lines:
        raise InputError(
            "An accession is white space alone.",
            expected="a word after `>`, or nothing",
            found=f"{n_lines:,} such headers in {name}",
            offenders=lines,
            n_offenders=n_lines,
            hint="give these records a name; an empty header is named by its line",
        )


def refuse_nucleotides(letters: LetterCounts, name: str) -> None:
    """Refuse a file in which every sequence consists of nucleotide letters and all four bases are common."""
    if letters.are_nucleotides:
        share = f"more than {_NUCLEOTIDE_SHARE:.0%} of every sequence ({letters.n_letters:,} letters)"
        raise InputError(
            f"{name} looks like nucleotides.",
            expected="protein sequences",
            found=f"only A, C, G, T, U, N in {share}",
            hint="translate the coding sequences first, or take the proteome's protein FASTA",
        )


def _clean_lines(body: bytes) -> list[str]:
    # Line by line, because each line may have another encoding.
    return [decode(line.translate(None, _BLANKS).upper()) for line in body.split(b"\n")]


def _describe_foreign_letter(sequence: str, body: bytes, block: RecordBlock, line: int) -> str | None:
    """Return the first character that is no letter, with its position and line, as a reason; None without any."""
    foreign = _FOREIGN.search(sequence)
    if foreign is None:
        return None

    n_letters = 0
    for text in _clean_lines(body):
        line += 1
        n_letters += len(text)
        if n_letters > foreign.start():
            break
    return f"{_describe_character(foreign[0])} at position {foreign.start() + 1:,} ({block.describe_line(line)})"


def _describe_character(character: str) -> str:
    if character == "*":
        return "stop `*` inside the sequence"
    if character in "-.":
        return f"gap `{character}`, as in an alignment,"
    if character == ">":
        return "`>` inside a line: a header must start its line; found"
    kind = "letter" if character.isalpha() else "character"
    return f"no amino acid: {kind} {character!r} (U+{ord(character):04X})"


def _describe_length(n: int, max_length: int | None) -> str | None:
    if n == 0:
        return "no sequence"
    if max_length is not None and n > max_length:
        return f"longer than --max-length {max_length}: {n:,} residues"
    if n > MAX_RESIDUES:
        return f"longer than {MAX_RESIDUES:,} residues, the largest sum that float16 can hold: {n:,} residues"
    return None
