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
    there = _listed(source)
    found = tuple(path for path in there if _is_named_so(path) and path.is_file())
    if not found:
        names = ", ".join(path.name for path in there[:5])
        raise InputError(
            f"The folder {source.name} holds no structure.",
            expected=f"files named {', '.join(f'*{suffix}' for suffix in SUFFIXES)}, each also with .gz",
            found=f"{len(there):,} files" + (f", such as {names}" if names else ""),
        )
    return found


def no_files(source: Path) -> tuple[Path, ...]:
    """Return what in a folder has the name of a structure but is no file: a folder, a pipe, a link to nowhere."""
    if not source.is_dir():
        return ()
    return tuple(path for path in _listed(source) if _is_named_so(path) and not path.is_file())


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"The folder {folder} cannot be read.", found=str(error.strerror)) from error


def _is_named_so(path: Path) -> bool:
    return path.name.lower().removesuffix(".gz").endswith(SUFFIXES)


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
    for path in no_files(source):
        kind = "a folder" if path.is_dir() else "a link to nowhere" if path.is_symlink() else "a pipe or a device"
        yield Rejected(UNREADABLE, f"{path.name} is {kind}", "", "", file=path.name)


def _read(path: Path, format: str | None) -> StructureFile:
    file = read_structure(path)
    if format is not None and file.format != format:
        raise InputError(f"{path.name} is of another format.", expected=format, found=file.format)
    return file


def _said(error: InputError) -> str:
    return "; ".join(text for text in (error.what.rstrip("."), error.found) if text)
