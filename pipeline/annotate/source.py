"""A source of annotation as a file: opened plain or gzip, its lines as text, what is damaged said plainly."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from attlas.pipeline.fasta import decoded
from attlas.schema import InputError

_GZIP = b"\x1f\x8b"
_BOM = "\ufeff"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_PACKED = {b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"(\xb5/\xfd": "Zstandard", b"PK\x03\x04": "zip (or an Excel file)"}
_HEAD_BYTES = 65_536


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a source, unpacked if it is gzip.

    Raises:
        InputError: there is no such file, it is a pipe, or it cannot be read to its end; also while its lines are read.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise InputError(
            f"{path} is a pipe or a device.",
            expected="a file, which is read more than once",
            hint="write what it gives to a file first",
        )
    try:
        with path.open("rb") as plain:
            start = plain.read(6)
            plain.seek(0)
            _refuse_packed(path, start)
            if start.startswith(_GZIP):
                with gzip.open(plain) as unpacked:
                    yield unpacked  # type: ignore[misc]  # a GzipFile reads bytes like any file
            else:
                yield plain
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"The gzip file {path.name} is damaged.", found=str(error), hint="download or copy it again"
        ) from error
    except OSError as error:
        raise InputError(
            f"{path} cannot be read.", expected="a file of annotation", found=error.strerror, hint="check the path"
        ) from error


def lines(handle: IO[bytes]) -> Iterator[tuple[int, str]]:
    """Yield the lines of a source with their numbers, from 1, without line ends; Latin-1 where it is not UTF-8."""
    parts = (part for raw in handle for part in raw.splitlines())  # also at \r alone, as old spreadsheets end lines
    for number, part in enumerate(parts, start=1):
        text = decoded(part)
        yield number, text.removeprefix(_BOM) if number == 1 else text


def head(path: Path) -> list[str]:
    """Return the first lines of a source that are not blank; what its format is told by.

    Raises:
        InputError: as `opened`; also if there is no text in it, or it is UTF-16 or binary.
    """
    with opened(path) as handle:
        data = handle.read(_HEAD_BYTES)
    if data.startswith(_UTF16) or b"\0" in data:
        raise InputError(
            f"{path.name} is no plain text.",
            expected="ASCII or UTF-8",
            found="UTF-16 text" if data.startswith(_UTF16) else "NUL bytes",
            hint="save it as UTF-8; iconv -f UTF-16 -t UTF-8 converts",
        )
    found = [line for line in decoded(data).removeprefix(_BOM).splitlines() if line.strip()]
    if not found:
        raise InputError(f"{path.name} is empty.", expected="a file of annotation", hint="check the download")
    return found


def _refuse_packed(path: Path, start: bytes) -> None:
    for mark, kind in _PACKED.items():
        if start.startswith(mark):
            raise InputError(
                f"{path.name} is packed with {kind}.", expected="plain text or gzip", hint="unpack it first"
            )
