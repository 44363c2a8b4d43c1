"""Parts of lists that no manifest names are removed, and all others are kept."""

from dataclasses import replace

import pytest
from helpers.divided import dividing
from helpers.long_list import FILES, make_manifest

from attlas.schema import SEQUENCES, AtlasPaths, Manifest
from attlas.schema.list_part_files import find_part_files
from attlas.schema.unnamed_parts import remove_unnamed_parts


@pytest.fixture
def manifest(paths: AtlasPaths) -> Manifest:
    """Return a manifest with a divided list, as it was written; the files themselves do not exist."""
    with dividing():
        return make_manifest(FILES).write(paths)


def test_a_table_that_stays_keeps_its_parts_and_the_others_go(paths: AtlasPaths, manifest: Manifest) -> None:
    sequences = {part.path: (paths.root / part.path).stat().st_ino for part in manifest.of_table(SEQUENCES).parts}
    new_sites = [replace(file, n_rows=1) if file.table == "sites" else file for file in FILES]
    with dividing():
        again = make_manifest(new_sites).write(paths)
    assert all((paths.root / part.path).is_file() for part in manifest.files.parts)  # for who has it open
    remove_unnamed_parts(paths)
    assert {path: (paths.root / path).stat().st_ino for path in sequences} == sequences
    assert sorted(map(paths.relative, find_part_files(paths))) == sorted(part.path for part in again.files.parts)

    make_manifest(FILES).write(paths)
    remove_unnamed_parts(paths)
    assert not paths.list_parts.exists()


def test_parts_of_the_manifest_before_are_kept(paths: AtlasPaths, manifest: Manifest) -> None:
    paths.manifest.rename(paths.manifest_before)
    remove_unnamed_parts(paths)
    assert set(Manifest.read_file(paths.manifest_before, paths).files) == set(FILES)
    paths.manifest.write_text("{")  # nobody knows what it names
    paths.manifest_before.unlink()
    remove_unnamed_parts(paths)
    assert len(list(find_part_files(paths))) == len(manifest.files.parts)
