"""Bytes as text: UTF-8, marked UTF-16, or Latin-1 where a line is not UTF-8; lines with numbers, nouns with counts."""

import codecs
import itertools
import re
from collections.abc import Iterable, Iterator
from typing import IO

from attlas.schema import InputError

UTF8_MARK = codecs.BOM_UTF8
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""First bytes of UTF-16, such as Excel's `Unicode text`; without this mark it is taken for binary."""
LINE_END = r"\r\n|\r|\n"
"""What ends a line; `str.splitlines` would cut at signs that names may hold, such as U+2028."""

NumberedLine = tuple[int, str]
"""Number of a line, from 1, and its text without its end."""

LONGEST_LINE_BYTES = 64 * 1024**2
"""Bytes of a line above which a file is refused: titin has 35 thousand residues, and a row may hold numbers of each."""

_CHUNK_BYTES = 1 << 16


def decode(raw: bytes) -> str:
    """Return text as UTF-8 or, where it is not, as Latin-1, which maps every byte to a character."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def counted(n: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun, in the singular for one: `1 site`, `1,204 sites`."""
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def as_utf8(data: bytes, *, name: str) -> bytes:
    """Return marked UTF-16 as UTF-8; other text as it is; without a mark at its beginning.

    Raises:
        InputError: it is broken UTF-16.
    """
    if not data.startswith(UTF16_MARKS):
        return data.removeprefix(UTF8_MARK)
    try:
        return data.decode("utf-16").encode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise utf16_error(name, error) from error


def text_of(data: bytes, *, name: str) -> str:
    """Return the text of a file; a line that is not UTF-8 is Latin-1, so that no character is lost.

    Raises:
        InputError: it is binary, or broken UTF-16.
    """
    plain = as_utf8(data, name=name)
    if b"\0" in plain:
        raise binary_error(name, plain)
    try:
        return plain.decode("utf-8")
    except UnicodeDecodeError:
        return "".join(decode(line) for line in plain.splitlines(keepends=True))


def numbered_lines(text: str) -> Iterator[NumberedLine]:
    """Yield the lines of a text with their numbers."""
    return enumerate(re.split(LINE_END, text), start=1)


def stream_lines(handle: IO[bytes], *, name: str) -> Iterator[NumberedLine]:
    """Yield the lines of an open file with their numbers, without holding the file.

    Raises:
        InputError: it is broken UTF-16, or a line is longer than LONGEST_LINE_BYTES.
    """
    for number, line in enumerate(_lines_of(utf8_chunks(handle, name=name, n_bytes=_CHUNK_BYTES), name), start=1):
        yield number, decode(line.rstrip(b"\r\n"))


def content_lines(lines: Iterable[NumberedLine]) -> Iterator[NumberedLine]:
    """Yield the lines that are neither blank nor a comment (`#`)."""
    return ((number, line) for number, line in lines if line.strip() and not line.startswith("#"))


def printable_text(text: str) -> str:
    """Return a text as one line without control characters: a name in a file may hold escape codes of a terminal."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def binary_error(name: str, data: bytes, *, line: int = 1) -> InputError:
    """Return the error for binary data, whose first line has this number."""
    number = data[: data.find(b"\0") + 1].count(b"\n") + line
    return InputError(
        f"{name} is no plain text.",
        expected="text as UTF-8, or as UTF-16 with its mark",
        found=f"NUL bytes on line {number:,}: it is binary, damaged, or UTF-16 without its mark",
        hint="copy or download it again; `iconv -f UTF-16 -t UTF-8` converts",
    )


def utf16_error(name: str, error: UnicodeDecodeError) -> InputError:
    """Return the error for a file that begins with the mark of UTF-16 and is not UTF-16."""
    return InputError(f"{name} is no plain text.", expected="UTF-16, as its mark says", found=f"broken UTF-16: {error}")


def utf8_chunks(handle: IO[bytes], *, name: str, n_bytes: int) -> Iterator[bytes]:
    """Yield the bytes of an open file as UTF-8 (or Latin-1, as they are), without a mark, `n_bytes` at a time.

    Raises:
        InputError: it is broken UTF-16.
    """
    # Of a damaged file, `read1` gives what stands before the damage.
    read = getattr(handle, "read1", handle.read)
    start = read(n_bytes)
    while 0 < len(start) < len(UTF8_MARK) and (more := read(n_bytes)):
        start += more
    chunks = itertools.chain([start], iter(lambda: read(n_bytes), b""))
    if not start.startswith(UTF16_MARKS):
        yield start.removeprefix(UTF8_MARK)
        yield from itertools.islice(chunks, 1, None)
        return

    decoder = codecs.getincrementaldecoder("utf-16")()
    try:
        for chunk in chunks:
            yield decoder.decode(chunk).encode("utf-8", "surrogatepass")
        yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise utf16_error(name, error) from error


def _lines_of(chunks: Iterable[bytes], name: str) -> Iterator[bytes]:
    """Yield lines with their ends: line feed, carriage return, or both. Raises InputError for a line too long."""
    # The last line may go on in the next chunk, and so may its end; it is joined once, however many chunks it takes.
    pieces: list[bytes] = []
    n_bytes = n_lines = 0
    for chunk in filter(None, chunks):
        if pieces and _is_whole(pieces[-1], chunk):
            yield b"".join(pieces)
            n_lines += 1
            pieces, n_bytes = [], 0

        line_end, *lines = chunk.splitlines(keepends=True)
        pieces.append(line_end)
        n_bytes += len(line_end)
        if n_bytes > LONGEST_LINE_BYTES:
            raise _long_line_error(name, n_lines + 1)

        if lines:
            yield b"".join(pieces)
            *whole, last = lines
            yield from whole
            n_lines += 1 + len(whole)
            pieces, n_bytes = [last], len(last)

    if pieces:
        yield b"".join(pieces)


def _is_whole(line: bytes, following: bytes) -> bool:
    """Return whether a line has its end; a line feed that follows a carriage return is of the same end."""
    return line.endswith(b"\n") or (line.endswith(b"\r") and not following.startswith(b"\n"))


def _long_line_error(name: str, number: int) -> InputError:
    return InputError(
        f"A line of {name} is longer than is read.",
        expected=f"at most {LONGEST_LINE_BYTES:,} bytes in a line",
        found=f"more on line {number:,}, without an end of the line",
        hint="is it a file of this format? If it is, write it with a line for each record",
    )
