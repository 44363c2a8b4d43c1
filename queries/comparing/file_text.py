"""A file of sites as text: plain or gzip, UTF-8 or marked UTF-16; what is neither is refused by name."""

import codecs
import gzip
import zlib
from pathlib import Path

from attlas.schema import InputError

GZIP = b"\x1f\x8b"
PACKED = {b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"(\xb5/\xfd": "Zstandard", b"PK\x03\x04": "zip, as Excel's files are"}
"""How packed files begin that are not unpacked here."""

LINE_END = r"\r\n|\r|\n"
"""What ends a line of any of these formats; `str.splitlines` cuts at signs that names may hold, such as U+2028."""


def bytes_of(path: Path) -> bytes:
    """Return the bytes of a file, unpacked if it is gzip.

    Raises:
        InputError: there is no such file, it is damaged, packed in another way, or empty.
    """
    try:
        data = path.read_bytes()
        if data.startswith(GZIP):
            data = gzip.decompress(data)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"The gzip file {path.name} is damaged.", found=str(error), hint="download or copy it again"
        ) from error
    except OSError as error:
        raise InputError(f"{path} cannot be read.", found=error.strerror, hint="check the path") from error
    for mark, kind in PACKED.items():
        if data.startswith(mark):
            raise InputError(f"{path.name} is packed with {kind}.", expected="plain text or gzip", hint="unpack it")
    if not data.strip():
        raise InputError(f"{path.name} is empty.", expected="a table of sites", hint="check the download")
    return data


def text_of(data: bytes, path: Path) -> str:
    """Return bytes as text; Latin-1 where they are not UTF-8, for the sake of names that do not matter here.

    Raises:
        InputError: it is no text.
    """
    # Excel's `Unicode text` is UTF-16 with its mark.
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        try:
            return data.decode("utf-16")
        except UnicodeDecodeError as error:
            raise InputError(f"{path.name} is no plain text.", found=f"broken UTF-16: {error}") from error
    if b"\0" in data:
        raise InputError(
            f"{path.name} is no plain text.", expected="a table of sites as text, or Parquet", found="NUL bytes"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")
