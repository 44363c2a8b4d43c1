"""The structure files of a source: one file, or all of a folder; what cannot be read is named."""

from collections.abc import Iterator
from pathlib import Path

from attlas.intake.rejects import Reason, Record, Rejected
from attlas.schema import InputError
from attlas.structures.chains import StructureFile, read_structure
from attlas.structures.folder import expected_names, has_structure_name, list_folder


def structure_paths(source: Path) -> tuple[Path, ...]:
    """Return the structure files of a source, by name.

    Raises:
        InputError: a folder that holds none, or cannot be listed.
    """
    if not source.is_dir():
        return (source,)
    paths = list_folder(source)
    structures = tuple(path for path in paths if has_structure_name(path) and path.is_file())
    if not structures:
        names = ", ".join(path.name for path in paths[:5])
        raise InputError(
            f"The folder {source.name} holds no structure.",
            expected=expected_names(),
            found=f"{len(paths):,} files" + (f", such as {names}" if names else ""),
        )
    return structures


def paths_without_file(source: Path) -> tuple[Path, ...]:
    """Return the paths in a folder with the name of a structure that are no file: folders, pipes, links to nowhere."""
    if not source.is_dir():
        return ()
    return tuple(path for path in list_folder(source) if has_structure_name(path) and not path.is_file())


def read_files(source: Path, *, format: str | None = None) -> Iterator[StructureFile | Rejected]:
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
            yield _unreadable(path, "; ".join(text for text in (error.what.rstrip("."), error.found) if text))

    for path in paths_without_file(source):
        kind = "a folder" if path.is_dir() else "a link to nowhere" if path.is_symlink() else "a pipe or a device"
        yield _unreadable(path, f"{path.name} is {kind}")


def _unreadable(path: Path, detail: str) -> Rejected:
    return Rejected(Reason.UNREADABLE_FILE, Record(file=path.name), detail)


def _read(path: Path, format: str | None) -> StructureFile:
    file = read_structure(path)
    if format is not None and file.format != format:
        raise InputError(f"{path.name} is of another format.", expected=format, found=file.format)
    return file
