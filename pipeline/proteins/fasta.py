"""FASTA files → blocks of whole records with their line numbers; other files are refused.

Every message names the line of a record or a letter. Biopython's parsers do not know it, hence this reader. Files are
streamed: no more than a block is held in memory, or a record where it is longer than that.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO

from attlas.intake.compression import COMPRESSIONS, DamagedFile
from attlas.intake.files import STANDARD_INPUT, stream_file
from attlas.intake.text import UTF8_MARK, binary_error, decode, utf8_chunks
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
_INDENTED_HEADER = re.compile(rb"\n[ \t\v\f]+>")
"""An indented `>` is a header as well: it is no residue, and its record must not vanish into the one before."""
_MARKED_HEADER = re.compile(rb"(?<!%(mark)b)(?:%(mark)b)+>" % {b"mark": UTF8_MARK})
"""A header after marks of the encoding, one or several: joined files may have been marked more than once."""
_INDENTS = (b"\n ", b"\n\t", b"\n\v", b"\n\f")
_N_SHOWN = 60
"""Characters of a line that a message repeats."""


BLOCK_BYTES = 32 << 20
"""Bytes of text that are parsed at once."""
_PIECE_BYTES = 1 << 16
"""Bytes of text that are read at once."""
_START_BYTES = 4096
"""Bytes from the first text on that decide the format of a file."""
MOST_NAMES = 3
"""Files of an input that its name lists."""


@dataclass(frozen=True)
class RecordBlock:
    """Whole records of a FASTA file, one after the other."""

    text: bytes
    """It begins with the `>` of a header; lines end with a line feed, and no header is indented."""
    line: int
    """Line of its first header in the input, from 1; several files are counted as if joined end to end."""
    file: int = 0
    """Number of its file, from 0."""
    n_lines_before: int = 0
    """Lines of the files before its own."""
    name: str | None = None
    """Name of its file, where there are several."""

    def describe_line(self, line: int) -> str:
        """Return a line of the input in words: by its number in its file, and the file where there are several."""
        return describe_line(line - self.n_lines_before, self.name)


def describe_line(number: int, name: str | None) -> str:
    """Return `line 12`, or `line 12 of B.fasta` where the file has to be said."""
    return f"line {number:,}" + (f" of {name}" if name else "")


class FastaInput:
    """FASTA files that are read once, one after the other, as if joined end to end.

    They may be compressed, and UTF-8 or UTF-16. Line ends may be Unix, Windows or old Mac. A header that is not UTF-8
    is later read as Latin-1, so that no character is lost.
    """

    def __init__(self, sources: Sequence[str], *, block_bytes: int = BLOCK_BYTES) -> None:
        self.names = [STANDARD_INPUT if source == STANDARD_INPUT else Path(source).name for source in sources]
        self.first_lines: list[int] = []
        """Line of the input, from 0, at which each file begins."""
        self.n_records = 0
        self._sources = sources
        self._block_bytes = block_bytes
        self._digest = sha256()
        self._n_lines = 0

    @property
    def name(self) -> str:
        """Return the names of the files, or of the first ones where there are many."""
        more = len(self.names) - MOST_NAMES
        return ", ".join(self.names[:MOST_NAMES]) + (f" and {more:,} more" if more > 0 else "")

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of the bytes as handed in, of all files joined: of compressed files, compressed bytes."""
        return self._digest.hexdigest()

    def describe_line(self, line: int) -> str:
        """Return a line of the input, from 1, in words."""
        if len(self.names) == 1:
            return describe_line(line, None)
        file = bisect_left(self.first_lines, line) - 1
        return describe_line(line - self.first_lines[file], self.names[file])

    def blocks(self) -> Iterator[RecordBlock]:
        """Yield the records of all files, in blocks.

        Raises:
            InputError: a file cannot be read (see `intake.files.read_file`) or is no FASTA; the message has the line.
        """
        for file, (source, name) in enumerate(zip(self._sources, self.names, strict=True)):
            self.first_lines.append(self._n_lines)
            n_records_before = self.n_records
            pieces: list[bytes] = []

            try:
                with stream_file(source, expected="a FASTA file", add_bytes=self._digest.update) as handle:
                    yield from self._file_blocks(file, name, _Text(handle, name, self._block_bytes), pieces)
            except DamagedFile as error:
                place = self._describe_end(b"".join(pieces), self.n_records - n_records_before)
                raise DamagedFile(
                    error.what,
                    expected=error.expected,
                    found=f"{error.found}; it breaks off {place}",
                    hint=error.hint,
                ) from error

    def _file_blocks(self, file: int, name: str, text: "_Text", pieces: list[bytes]) -> Iterator[RecordBlock]:
        """Yield the records of a file; `pieces` is left with the text of records that have not been yielded."""
        pieces.extend(text.read_start())
        start = _plain_headers(b"".join(pieces))
        _refuse_other_formats(start, name)
        n_blank = start[: start.index(b">")].count(b"\n")
        self._n_lines += n_blank
        pieces[:] = [start[start.index(b">") :]]

        is_end = False
        while not is_end:
            is_end = self._collect(text, pieces)
            records = _plain_headers(b"".join(pieces))
            cut = len(records) if is_end else records.rfind(b"\n>") + 1
            pieces[:] = [records[cut:]]
            if cut:
                yield self._make_block(records[:cut], file, name)

    def _collect(self, text: "_Text", pieces: list[bytes]) -> bool:
        """Read until there are more bytes than a block, or as many again; return whether the file is at its end."""
        n_bytes = len(pieces[0])
        target_bytes = max(self._block_bytes, 2 * n_bytes)
        for piece in text:
            pieces.append(piece)
            n_bytes += len(piece)
            if n_bytes >= target_bytes:
                return False
        return True

    def _make_block(self, records: bytes, file: int, name: str) -> RecordBlock:
        n_lines_before = self.first_lines[file]
        if b"\0" in records:
            raise binary_error(name, records, line=self._n_lines - n_lines_before + 1)

        block = RecordBlock(records, self._n_lines + 1, file, n_lines_before, name if len(self.names) > 1 else None)
        self._n_lines += records.count(b"\n") + (not records.endswith(b"\n"))
        self.n_records += records.count(b"\n>") + 1
        return block

    def _describe_end(self, text: bytes, n_records: int) -> str:
        """Return in words the line and the record at which a file ends too early, by the text not yet yielded."""
        lines = text.splitlines()
        headers = [line for line in lines if line.startswith(b">")]
        record = "before the first record"
        if headers:
            record = f"in record {n_records + len(headers):,} ({decode(headers[-1])[:_N_SHOWN]})"
        n_lines = self._n_lines - self.first_lines[-1] + len(lines)
        return f"near line {max(n_lines, 1):,}, {record}"


class _Text:
    """The text of an open file as pieces of UTF-8 in which every line ends with a line feed."""

    def __init__(self, handle: IO[bytes], name: str, block_bytes: int) -> None:
        self._pieces = _with_line_feeds(utf8_chunks(handle, name=name, n_bytes=min(_PIECE_BYTES, block_bytes)))
        self._name = name
        self._start_bytes = min(_START_BYTES, block_bytes)

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def read_start(self) -> Iterator[bytes]:
        """Yield pieces that hold the first line with text. Raises InputError for a file without any."""
        n_bytes = 0
        for piece in self._pieces:
            yield piece
            n_bytes += len(piece) if n_bytes or piece.strip() else 0
            if n_bytes >= self._start_bytes:
                return

        if not n_bytes:
            raise InputError(
                f"{self._name} is empty.",
                expected="a FASTA file",
                found="no text in it",
                hint="check the download or the command",
            )


def _plain_headers(text: bytes) -> bytes:
    """Return text in which nothing stands before the `>` of a header, but for the first one."""
    # Files joined end to end may carry a mark before any of their headers.
    if UTF8_MARK + b">" in text:
        text = _MARKED_HEADER.sub(b">", text)
    if any(indent in text for indent in _INDENTS):  # rare, and much faster to look for than a pattern
        text = _INDENTED_HEADER.sub(b"\n>", text)
    return text


def _with_line_feeds(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield text with carriage returns, alone or before a line feed, as line feeds."""
    pending = b""
    for chunk in chunks:
        text = pending + chunk
        pending = b"\r" if text.endswith(b"\r") else b""  # a line feed may follow
        text = text.removesuffix(b"\r")
        yield text.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in text else text
    if pending:
        yield b"\n"


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
