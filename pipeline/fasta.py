"""Bytes of a FASTA file (plain, gzip or stdin) → records with their line numbers; refuses what is no FASTA.

Biopython's parsers do not say on which line a record or a letter stands, and every message here does: hence this
reader. The file is held in memory whole; a proteome fits.
"""

import hashlib
import re
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

from attlas.schema import InputError

_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_PIECE_BYTES = 4096
"""Compressed bytes unpacked at a time: how precisely the line where a damaged file breaks off can be named."""

_PACKED = {
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"(\xb5/\xfd": "Zstandard",
    b"PK\x03\x04": "zip",
    b"\x1f\x9d": "compress",
}
_LOOKS_LIKE = {
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
_PIR = re.compile(rb">(?:P1|F1);")


@dataclass(frozen=True)
class Record:
    """One record as it stands in the file."""

    line: int
    """Line of its header, from 1."""
    header: str
    """Header without `>`, as written."""
    body: tuple[bytes, ...]
    """The lines below the header, without line ends; the first is line `line + 1`."""


@dataclass(frozen=True)
class FastaFile:
    """A FASTA file, read."""

    name: str
    """File name, or `-` for standard input."""
    sha256: str
    """SHA-256 of the bytes as read: for a gzip file, of the compressed bytes."""
    records: tuple[Record, ...]


def read_fasta(source: str) -> FastaFile:
    """Read the FASTA file at path `source`, or standard input for `-`; gzip is known by its first bytes.

    Line ends may be Unix, Windows or old Mac. Headers are UTF-8; a header that is not is read as Latin-1, so no
    character is lost. A UTF-8 byte order mark is passed over.

    Raises:
        InputError: no such file, a directory, unreadable, empty, damaged gzip, another compression, UTF-16, NUL bytes,
            or no FASTA; says what was found and on which line.
    """
    name = "-" if source == "-" else Path(source).name
    data = _read_bytes(source)
    text = _unpack(data, name) if data.startswith(_GZIP) else data
    # Files joined end to end may carry a mark before any of their headers.
    text = text.removeprefix(_BOM).replace(_BOM + b">", b">")
    _check_text(text, name)
    return FastaFile(name=name, sha256=hashlib.sha256(data).hexdigest(), records=_records(text))


def decoded(raw: bytes) -> str:
    """Return text as UTF-8 or, where it is not, as Latin-1, which maps every byte to a character."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _read_bytes(source: str) -> bytes:
    if source == "-":
        return sys.stdin.buffer.read()
    path = Path(source)
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(
            "There is no such input file.",
            expected="a FASTA file",
            found=f"nothing at {source}",
            hint="check the path; `-` reads standard input",
        ) from error
    except IsADirectoryError as error:
        raise InputError(
            "The input is a directory.",
            expected="a FASTA file",
            found=f"a directory at {source}",
            hint="name one file, or join several: cat DIR/*.fasta | attlas build - ...",
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise InputError(
            "The input file cannot be read.",
            expected="a readable FASTA file",
            found=f"{source}: {error}",
            hint="check its permissions and the disk",
        ) from error


def _unpack(data: bytes, name: str) -> bytes:
    """Return the unpacked bytes of a gzip file of one or more members (bgzip writes many)."""
    pieces: list[bytes] = []
    at = 0
    while at < len(data):
        if not data.startswith(_GZIP, at):
            raise _damaged(pieces, name, f"{len(data) - at:,} bytes after the end that are no gzip data")
        stream = zlib.decompressobj(wbits=31)
        while at < len(data) and not stream.eof:
            try:
                pieces.append(stream.decompress(data[at : at + _PIECE_BYTES]))
            except zlib.error as error:
                raise _damaged(pieces, name, str(error)) from error
            at = min(at + _PIECE_BYTES, len(data))
        if not stream.eof:
            raise _damaged(pieces, name, "the file ends before its gzip data does: it is truncated")
        at -= len(stream.unused_data)
        while at < len(data) and data[at] == 0:  # zero padding after a member is allowed
            at += 1
    return b"".join(pieces)


def _damaged(pieces: list[bytes], name: str, why: str) -> InputError:
    lines = b"".join(pieces).removeprefix(_BOM).splitlines()
    headers = [line for line in lines if line.startswith(b">")]
    where = f"in record {len(headers):,} ({decoded(headers[-1])[:60]})" if headers else "before the first record"
    return InputError(
        "The gzip file is damaged.",
        expected=f"{name} to unpack to its end",
        found=f"{why}; it breaks off near line {max(len(lines), 1):,}, {where}",
        hint="download or copy it again; `gzip -t` checks a file",
    )


def _check_text(text: bytes, name: str) -> None:
    if not text.strip():
        raise InputError(
            "The input is empty.",
            expected="a FASTA file with at least one record",
            found=f"no text in {name}",
            hint="check the download or the command before the pipe",
        )
    if text.startswith(_UTF16):
        raise InputError(
            "The input is UTF-16 text.",
            expected="ASCII or UTF-8",
            found=f"a UTF-16 mark in {name}",
            hint="convert it: iconv -f UTF-16 -t UTF-8",
        )
    first = text.lstrip()
    if not first.startswith(b">") or _PIR.match(first):
        raise _not_fasta(text, name)
    at = text.find(b"\0")
    if at >= 0:
        found = f"a NUL byte on line {len(text[: at + 1].splitlines()):,} of {name}"
        raise InputError(
            "The input holds NUL bytes: it is binary, UTF-16 or damaged.",
            expected="ASCII or UTF-8 text",
            found=found,
            hint="copy or download it again; convert UTF-16 with iconv",
        )


def _not_fasta(text: bytes, name: str) -> InputError:
    lines = text.splitlines()
    number = next(i for i, line in enumerate(lines) if line.strip())
    start = lines[number].lstrip()
    guess = "PIR, where a description line follows the header" if _PIR.match(start) else None
    guess = guess or next((kind for mark, kind in _LOOKS_LIKE.items() if start.startswith(mark)), None)
    hint = f"it looks like {guess}; convert it to protein FASTA" if guess else "give protein sequences as FASTA"
    packed = next((kind for mark, kind in {**_PACKED, _GZIP: "gzip"}.items() if text.startswith(mark)), None)
    if packed:
        hint = f"it is packed with {packed}; unpack it first (plain and once-gzipped files are read)"
    return InputError(
        f"{name} is not FASTA.",
        expected="the first line to be a header that starts with `>`",
        found=f"line {number + 1:,}: {decoded(start)[:60]!r}",
        hint=hint,
    )


def _records(text: bytes) -> tuple[Record, ...]:
    lines = text.splitlines()  # of bytes: \n, \r\n and \r only
    # An indented `>` counts as well: it is no residue, and its record must not vanish into the one before.
    starts = [i for i, line in enumerate(lines) if line.lstrip()[:1] == b">"]
    ends = [*starts[1:], len(lines)]
    return tuple(
        Record(start + 1, decoded(lines[start].lstrip()[1:]), tuple(lines[start + 1 : end]))
        for start, end in zip(starts, ends, strict=True)
    )
