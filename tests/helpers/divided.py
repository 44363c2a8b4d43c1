"""Atlases of few files whose list of files is divided all the same, as that of a large atlas is."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from attlas.schema import AtlasPaths, Manifest, Table, TableFile, file_list


@contextmanager
def dividing(*, most_listed: int = 4, few_listed: int = 1, part_files: int = 2) -> Iterator[None]:
    """Let the lists of small atlases be divided meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_list, "MOST_LISTED", most_listed)
        patch.setattr(file_list, "FEW_LISTED", few_listed)
        patch.setattr(file_list, "PART_FILES", part_files)
        patch.setattr(file_list, "isqrt", lambda _: 1)
        yield


def divide_atlas(root: Path, **limits: int) -> Manifest:
    """Write the manifest of an atlas anew, with a divided list of files, and return it."""
    paths = AtlasPaths(root)
    with dividing(**limits):
        return Manifest.read(paths).write(paths)


def copy_divided(source: Path, root: Path) -> Path:
    """Copy an atlas, divide the list of its files, and return the copy."""
    shutil.copytree(source, root)
    assert divide_atlas(root).files.parts
    return root


def listed_file(table: Table, index: int, **values: object) -> TableFile:
    """Return the entry of a file that does not exist: shard `index` (from 1), of a hundred sequences."""
    digest = hashlib.sha256(f"{table.name} {index}".encode()).hexdigest()
    entry = {
        "table": table.name,
        "path": f"{table.name}/shard-{index:05d}.parquet",
        "n_rows": 100 + index,
        "n_bytes": 5_000 + index,
        "sha256": digest,
        "tail_bytes": 400,
        "tail_sha256": digest,
        "first_sequence_id": 100 * (index - 1),
        "last_sequence_id": 100 * index - 1,
    }
    return TableFile(**{**entry, **values})
