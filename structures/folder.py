"""A folder of structure files: what in it is one by its name, and which of them is named after a protein."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from attlas.intake.compression import SUFFIXES as COMPRESSED
from attlas.intake.compression import plain_name
from attlas.schema import InputError

SUFFIXES = (".cif", ".mmcif", ".pdb", ".ent")
"""Endings of the files of a folder that are read, each also compressed; of one structure in several, the first is."""


def list_folder(folder: Path) -> list[Path]:
    """Return the paths in a folder, by name. Raises InputError if it cannot be listed."""
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise _unreadable(folder, error) from error


def has_structure_name(path: Path) -> bool:
    """Return whether a file is named as a structure is, compressed or not."""
    return plain_name(path.name).lower().endswith(SUFFIXES)


def expected_names() -> str:
    """Return how the files of a folder must be named, for messages."""
    return f"files named {', '.join(f'*{suffix}' for suffix in SUFFIXES)}, each also with {COMPRESSED[0]}"


def find_structure(place: Path, accession: str) -> Path:
    """Return the structure file of a protein: `place` itself, or if it is a folder, the file named after the protein.

    Raises:
        InputError: the folder has no such file, or files of several structures, or cannot be listed.
    """
    if not place.is_dir():
        return place

    paths = structures_named(place, accession)
    if paths:
        return only_structure(paths, place, accession)
    names = [path.name for path in list_folder(place) if has_structure_name(path) and path.is_file()]
    raise InputError(
        f"The folder {place.name} holds no structure named after {accession}.",
        expected=f"a file such as AF-{accession}-F1-model_v6.cif.gz or {accession}.pdb",
        found=f"{len(names):,} structures" + "".join(f", such as {name}" for name in names[:1]),
    )


def structures_named(folder: Path, accession: str) -> list[Path]:
    """Return the structures of a folder that are named after a protein, by name, each as one file.

    A name holds the accession as a word, as `AF-P07550-F1-model_v6.cif.gz` or `P07550.pdb` do; that of an isoform,
    `AF-P07550-2-F1.cif`, is of the isoform alone. Raises InputError if the folder cannot be listed.
    """
    word = re.compile(rf"(?<![a-z0-9]){re.escape(accession.lower())}(?![a-z0-9]|-\d)")
    try:
        with os.scandir(folder) as entries:  # names alone: AlphaFold DB's archives hold tens of thousands of files
            names = [entry.name for entry in entries if word.search(entry.name.lower())]
    except OSError as error:
        raise _unreadable(folder, error) from error

    path_of_stem: dict[str, Path] = {}
    for path in (folder / name for name in sorted(names)):
        if has_structure_name(path) and path.is_file():
            # The archives hold every model as mmCIF and as PDB.
            other = path_of_stem.setdefault(_stem(path), path)
            path_of_stem[_stem(path)] = min(path, other, key=lambda path: (SUFFIXES.index(_suffix(path)), path.name))
    return sorted(path_of_stem.values())


def only_structure(paths: Sequence[Path], folder: Path, accession: str) -> Path:
    """Return the structure of a protein, of those of a folder that are named after it. Raises InputError of several."""
    if len(paths) == 1:
        return paths[0]
    raise InputError(
        f"The folder {folder.name} holds several structures named after {accession}.",
        expected="one, or the name of the file",
        offenders=[path.name for path in paths],
    )


def _unreadable(folder: Path, error: OSError) -> InputError:
    return InputError(f"The folder {folder} cannot be read.", found=str(error.strerror))


def _suffix(path: Path) -> str:
    return next(suffix for suffix in SUFFIXES if plain_name(path.name).lower().endswith(suffix))


def _stem(path: Path) -> str:
    return plain_name(path.name)[: -len(_suffix(path))].lower()
