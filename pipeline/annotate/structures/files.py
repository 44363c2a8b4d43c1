"""The structure files of a source: one file, or all of a folder; what cannot be read is named."""

from collections.abc import Iterator
from pathlib import Path

from attlas.pipeline.annotate.check import Rejected
from attlas.schema import InputError
from attlas.structures.chains import StructureFile, read_structure

SUFFIXES = (".cif", ".mmcif", ".pdb", ".ent")
"""Names of the files of a folder that are read, each also with `.gz`."""
UNREADABLE = "file cannot be read"


def structure_paths(source: Path) -> tuple[Path, ...]:
    """Return the structure files of a source, by name.

    Raises:
        InputError: a folder that holds none, or cannot be listed.
    """
    if not source.is_dir():
        return (source,)
    try:
        there = sorted(path for path in source.iterdir() if path.is_file())
    except OSError as error:
        raise InputError(f"The folder {source} cannot be read.", found=str(error.strerror)) from error
    found = tuple(path for path in there if path.name.lower().removesuffix(".gz").endswith(SUFFIXES))
    if not found:
        names = ", ".join(path.name for path in there[:5])
        raise InputError(
            f"The folder {source.name} holds no structure.",
            expected=f"files named {', '.join(f'*{suffix}' for suffix in SUFFIXES)}, each also with .gz",
            found=f"{len(there):,} files" + (f", such as {names}" if names else ""),
        )
    return found


def structures(source: Path, *, format: str | None = None) -> Iterator[StructureFile | Rejected]:
    """Yield the structures of a source; of a folder, what cannot be read comes as rejected.

    Args:
        source: a file or a folder.
        format: `pdb` or `mmcif`: a file of the other one cannot be read.

    Raises:
        InputError: a single file that cannot be read.
        EnvironmentFault: gemmi is not installed.
    """
    for path in structure_paths(source):
        try:
            yield _read(path, format)
        except InputError as error:
            if not source.is_dir():
                raise
            yield Rejected(UNREADABLE, _said(error), "", "", file=path.name)


def _read(path: Path, format: str | None) -> StructureFile:
    file = read_structure(path)
    if format is not None and file.format != format:
        raise InputError(f"{path.name} is of another format.", expected=format, found=file.format)
    return file


def _said(error: InputError) -> str:
    return "; ".join(text for text in (error.what.rstrip("."), error.found) if text)
