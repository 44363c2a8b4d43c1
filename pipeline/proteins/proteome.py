"""FASTA records → proteins: headers parsed, letters checked, unique by accession; none is dropped without a reason."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from attlas.intake.text import decode
from attlas.pipeline.proteins.fasta import Record, read_fasta
from attlas.pipeline.proteins.headers import parse_header
from attlas.schema import InputError

MAX_RESIDUES = 65_504
"""Longest sequence computed. A residue receives at most N (every query gives at most 1), and `residues.received` is
float16, whose largest number is 65,504."""

STANDARD_LETTERS = "ACDEFGHIKLMNPQRSTVWY"
"""The 20 standard amino acids; UniProt's other letters J, U, O, B, Z, X are accepted too and counted."""

_FOREIGN = re.compile(r"[^ABCDEFGHIJKLMNOPQRSTUVWXYZ]")
_BLANKS = b" \t\v\f"
_NUCLEOTIDES = b"ACGTUN"
_NUCLEOTIDE_SHARE = 0.95
"""Share of nucleotide letters above which a sequence may be one of nucleotides."""
_MIN_NUCLEOTIDES = 300
"""Letters of a file below which it is not judged: a peptide may be made of A, C, G and T."""


@dataclass(frozen=True)
class Protein:
    """A protein of the input, named by its accession."""

    accession: str
    """UniProt accession of a UniProt header, else the first word; `line:<n>` where the header is empty."""
    entry_name: str | None
    gene: str | None
    organism: str | None
    taxon_id: int | None
    sequence_version: int | None
    description: str | None
    """Protein name of a UniProt header, else the header after its first word."""
    sequence: str
    """Upper case, without blanks and one trailing `*`; letters as in the input (J stays J)."""
    line: int
    """Line of the header of its first record, from 1."""
    n_records: int = 1
    """Records with this accession, all with this sequence."""
    reason: str | None = None
    """Why the protein is skipped; None where it is computed."""

    @property
    def length(self) -> int:
        """Return the number of residues."""
        return len(self.sequence)

    @cached_property
    def md5(self) -> str:
        """Return the MD5 of the sequence, lower-case hexadecimal."""
        return hashlib.md5(self.sequence.encode(), usedforsecurity=False).hexdigest()

    @cached_property
    def n_nonstandard(self) -> int:
        """Return the number of letters outside the 20 standard amino acids."""
        return len(self.sequence.encode().translate(None, STANDARD_LETTERS.encode()))


@dataclass(frozen=True)
class Proteome:
    """The proteins of one input file."""

    name: str
    """File name, or `-` for standard input."""
    sha256: str
    """SHA-256 of the file as it is: of a compressed file, of the compressed bytes."""
    n_records: int
    """Records in the file: the sum of `n_records` over the proteins."""
    proteins: tuple[Protein, ...]
    """In input order, unique by accession."""


def read_proteome(source: str, *, max_length: int | None = None) -> Proteome:
    """Read the proteins of a FASTA file: a path, plain or compressed, or `-` for standard input.

    A record that cannot be computed becomes a protein with a `reason`. Repeats of an accession with the same sequence
    are merged and counted; the first header is kept.

    Args:
        source: path, or `-`.
        max_length: longest sequence to compute, residues; longer ones get a reason. None: MAX_RESIDUES.

    Raises:
        InputError: the file cannot be read or is no FASTA (see `read_fasta`); an accession stands for two different
            sequences; or the whole file looks like nucleotides.
    """
    if max_length is not None and max_length < 1:
        raise InputError("--max-length must be at least 1.", expected="a number of residues", found=str(max_length))

    fasta = read_fasta(source)
    proteins = [_make_protein(record, max_length) for record in fasta.records]
    _refuse_blank_accessions(proteins, fasta.name)
    _refuse_nucleotides(proteins, fasta.name)
    return Proteome(fasta.name, fasta.sha256, len(proteins), _merge(proteins, fasta.name))


def _make_protein(record: Record, max_length: int | None) -> Protein:
    """Return the protein of a record, with the reason if it is skipped."""
    # bytes.upper touches ASCII only: no letter changes the length of what follows.
    letters = b"".join(line.translate(None, _BLANKS) for line in record.body).upper()
    sequence = letters.decode("ascii") if letters.isascii() else "".join(_clean_lines(record))
    sequence = sequence.removesuffix("*")

    reason = _describe_foreign_letter(record, sequence) or _describe_length(len(sequence), max_length)
    header = parse_header(record.header, line=record.line)
    return Protein(**vars(header), sequence=sequence, line=record.line, reason=reason)


def _clean_lines(record: Record) -> list[str]:
    # Line by line, because each line may have another encoding.
    return [decode(line.translate(None, _BLANKS).upper()) for line in record.body]


def _describe_foreign_letter(record: Record, sequence: str) -> str | None:
    """Return the first character that is no letter, with its position and line, as a reason; None without any."""
    foreign = _FOREIGN.search(sequence)
    if foreign is None:
        return None

    line, n_letters = record.line, 0
    for text in _clean_lines(record):
        line += 1
        n_letters += len(text)
        if n_letters > foreign.start():
            break
    return f"{_describe_character(foreign[0])} at position {foreign.start() + 1:,} (line {line:,})"


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


def _refuse_blank_accessions(proteins: Iterable[Protein], name: str) -> None:
    """Refuse accessions that are white space alone, such as a no-break space: nobody could type them."""
    lines = [f"line {protein.line:,}: {protein.accession!r}" for protein in proteins if protein.accession.isspace()]
    if lines:
        raise InputError(
            "An accession is white space alone.",
            expected="a word after `>`, or nothing",
            found=f"{len(lines):,} such headers in {name}",
            offenders=lines,
            hint="give these records a name; an empty header is named by its line",
        )


def _merge(proteins: Iterable[Protein], name: str) -> tuple[Protein, ...]:
    """Return the proteins unique by accession, in order. Raises InputError for an accession with two sequences."""
    by_accession: dict[str, Protein] = {}
    conflicts: list[str] = []
    for protein in proteins:
        earlier = by_accession.setdefault(protein.accession, protein)
        if earlier is protein:
            continue
        if earlier.sequence != protein.sequence:
            lengths = f"{earlier.length:,} and {protein.length:,} residues"
            conflicts.append(f"{protein.accession}: lines {earlier.line:,} and {protein.line:,} ({lengths})")
        by_accession[protein.accession] = replace(earlier, n_records=earlier.n_records + 1)

    if conflicts:
        raise InputError(
            "An accession stands for two different sequences.",
            expected="one sequence per accession: it is the key of every table",
            found=f"{name} repeats these with another sequence",
            offenders=conflicts,
            hint="rename or remove one of each; repeats with the same sequence are merged",
        )
    return tuple(by_accession.values())


def _refuse_nucleotides(proteins: Iterable[Protein], name: str) -> None:
    """Refuse a file in which every sequence consists of nucleotide letters and all four bases are common.

    A single sequence of that kind may be a protein (poly-Ala, Gly-Ala repeats), so the file is judged as a whole.
    """
    sequences = [protein.sequence.encode() for protein in proteins]
    n_letters = sum(map(len, sequences))
    if n_letters < _MIN_NUCLEOTIDES:
        return

    # Another letter is rare in every sequence, and none of the four bases is rare in the file.
    max_rare = 1 - _NUCLEOTIDE_SHARE
    if any(len(sequence.translate(None, _NUCLEOTIDES)) > max_rare * len(sequence) for sequence in sequences):
        return

    counts = {base: sum(sequence.count(base) for sequence in sequences) for base in (b"A", b"C", b"G", b"T", b"U")}
    counts[b"T"] += counts.pop(b"U")
    if min(counts.values()) < max_rare * n_letters:
        return

    raise InputError(
        f"{name} looks like nucleotides.",
        expected="protein sequences",
        found=f"only A, C, G, T, U, N in more than {_NUCLEOTIDE_SHARE:.0%} of every sequence ({n_letters:,} letters)",
        hint="translate the coding sequences first, or take the proteome's protein FASTA",
    )
