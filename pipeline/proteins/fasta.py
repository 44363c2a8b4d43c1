"""A FASTA file → its records with their line numbers; other files are refused.

Every message names the line of a record or a letter. Biopython's parsers do not know it, hence this reader. The whole
file is held in memory; a proteome fits.
"""

import re
from dataclasses import dataclass

from attlas.intake.compression import COMPRESSIONS
from attlas.intake.files import HandedFile, read_file
from attlas.intake.text import UTF8_MARK, as_utf8, binary_error, decode
from attlas.schema import InputError

_FORMATS = {
    b"@": "FASTQ (sequencing reads)",
    b"LOCUS ": "a GenBank file",
    b"ID   ": "a UniProt or EMBL flat file",
    b"HEADER": "a PDB file",
    b"ATOM  ": "a PDB file",
    b"data_": "an mmCIF file",
    b"CLUSTAL": "a Clustal alignment",
    b"# STOCKHOLM": "a Stockholm alignment",
    b"##gff": "a GFF file",
    b"<": "XML or HTML, perhaps a web page saved by mistake",
    b"{": "JSON",
    b"[": "JSON",
    b";": "the old FASTA dialect with `;` comments",
}
"""The beginnings of files of other formats."""
_PIR = re.compile(rb">(?:P1|F1);")
"""Header of a PIR file, whose next line is a description."""
_N_SHOWN = 60
"""Characters of a line that a message repeats."""


@dataclass(frozen=True)
class Record:
    """A record, as the file has it."""

    line: int
    """Line of its header, from 1."""
    header: str
    """Header without `>`, as written."""
    body: tuple[bytes, ...]
    """The lines below the header, without line ends; the first is line `line + 1`."""


@dataclass(frozen=True)
class FastaFile:
    """The name, digest and records of a FASTA file."""

    name: str
    """File name, or `-` for standard input."""
    sha256: str
    """SHA-256 of the bytes as handed in: of a compressed file, of the compressed bytes."""
    records: tuple[Record, ...]


def read_fasta(source: str) -> FastaFile:
    """Read the FASTA file at path `source`, or standard input for `-`.

    It may be compressed, and UTF-8 or UTF-16. Line ends may be Unix, Windows or old Mac. A header that is not UTF-8 is
    read as Latin-1, so that no character is lost.

    Raises:
        InputError: the file cannot be read (see `read_file`) or is no FASTA; the message has the line.
    """
    file = read_file(source, expected="a FASTA file", place_in=_describe_end)
    text = _decode(file)
    _refuse_other_formats(text, file.name)
    if b"\0" in text:
        raise binary_error(file.name, text)
    return FastaFile(name=file.name, sha256=file.sha256, records=_split_records(text))


def _decode(file: HandedFile) -> bytes:
    text = as_utf8(file.data, name=file.name)
    # Files joined end to end may carry a mark before any of their headers.
    return text.replace(UTF8_MARK + b">", b">")


def _describe_end(text: bytes) -> str:
    """Return in words the line and the record at which a text ends too early."""
    lines = text.splitlines()
    headers = [line for line in lines if line.startswith(b">")]
    record = f"in record {len(headers):,} ({decode(headers[-1])[:_N_SHOWN]})" if headers else "before the first record"
    return f"near line {max(len(lines), 1):,}, {record}"


def _refuse_other_formats(text: bytes, name: str) -> None:
    """Refuse a file whose first line with text is no header. Raises InputError."""
    # A file may hold nothing but the mark of its encoding.
    lines = text.splitlines() or [b""]
    number = next((i for i, line in enumerate(lines, start=1) if line.strip()), 1)
    start = lines[number - 1].lstrip()
    is_pir = _PIR.match(start) is not None
    if start.startswith(b">") and not is_pir:
        return

    compression = next((candidate.name for candidate in COMPRESSIONS if text.startswith(candidate.start)), None)
    looks_like = "PIR, where a description line follows the header" if is_pir else _guess_format(start)
    hint = "give protein sequences as FASTA"
    if compression is not None:
        hint = f"it is compressed twice, with {compression} inside; decompress it first"
    elif looks_like is not None:
        hint = f"it looks like {looks_like}; convert it to protein FASTA"
    raise InputError(
        f"{name} is not FASTA.",
        expected="the first line to be a header that starts with `>`",
        found=f"line {number:,}: {decode(start)[:_N_SHOWN]!r}",
        hint=hint,
    )


def _guess_format(start: bytes) -> str | None:
    """Return the format of a file by its first line, None where it is unknown."""
    return next((format for mark, format in _FORMATS.items() if start.startswith(mark)), None)


def _split_records(text: bytes) -> tuple[Record, ...]:
    lines = text.splitlines()  # of bytes: \n, \r\n and \r only
    # An indented `>` counts as well: it is no residue, and its record must not vanish into the one before.
    starts = [i for i, line in enumerate(lines) if line.lstrip()[:1] == b">"]
    ends = [*starts[1:], len(lines)]
    return tuple(
        Record(start + 1, decode(lines[start].lstrip()[1:]), tuple(lines[start + 1 : end]))
        for start, end in zip(starts, ends, strict=True)
    )
