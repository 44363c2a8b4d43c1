"""Files of NumPy, written without it: a ZIP archive of arrays, each begun by its type and shape.

Source of the format: numpy.lib.format, version 1.0.
"""

from collections.abc import Iterable, Sequence
from zipfile import ZIP_STORED, ZipFile, ZipInfo

_MAGIC = b"\x93NUMPY\x01\x00"
_ALIGNMENT = 64
_DAY = (1980, 1, 1, 0, 0, 0)
"""Time of every member, so that the same arrays give the same bytes."""


def write_floats(archive: ZipFile, name: str, shape: Sequence[int], parts: Iterable[bytes]) -> None:
    """Write an array of float32, little-endian, from its bytes in parts."""
    _write_array(archive, name, "<f4", shape, parts)


def write_texts(archive: ZipFile, name: str, texts: Sequence[str]) -> None:
    """Write texts as an array of one dimension."""
    longest = max(1, *map(len, texts)) if texts else 1
    parts = (text.ljust(longest, "\0").encode("utf-32-le") for text in texts)
    _write_array(archive, name, f"<U{longest}", [len(texts)], parts)


def _write_array(archive: ZipFile, name: str, kind: str, shape: Sequence[int], parts: Iterable[bytes]) -> None:
    sizes = "".join(f"{size}, " for size in shape).rstrip()
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': ({sizes}), }}"
    n_before = len(_MAGIC) + 2
    header = text.ljust(-(-(n_before + len(text) + 1) // _ALIGNMENT) * _ALIGNMENT - n_before - 1) + "\n"

    member = ZipInfo(f"{name}.npy", _DAY)
    member.compress_type = ZIP_STORED
    with archive.open(member, "w", force_zip64=True) as file:
        file.write(_MAGIC + len(header).to_bytes(2, "little") + header.encode("ascii"))
        for part in parts:
            file.write(part)
