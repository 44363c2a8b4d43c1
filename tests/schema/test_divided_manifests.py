"""A manifest whose list of files is divided: it comes back, and is checked whatever a part says."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.changed_manifest import change_manifest
from helpers.divided import copy_divided, dividing
from helpers.long_list import FILES, N_SHARDS, make_manifest

from attlas.schema import DIVIDED_FORMAT_VERSION, FORMAT_VERSION, SITES, AtlasPaths, BrokenAtlasError, Manifest
from attlas.schema.verify import find_problems, find_unfinished_files


@pytest.fixture
def manifest(paths: AtlasPaths) -> Manifest:
    """Return a manifest with a divided list, as it was written; the files themselves do not exist."""
    with dividing():
        return make_manifest(FILES).write(paths)


def change_part(root: Path, change: Callable[[dict[str, Any]], None], *, table: str = "sites") -> str:
    """Change the first part of a table by hand, with its digest, name and entry made right; return its name."""
    names: list[str] = []

    def change_entry(values: dict[str, Any]) -> None:
        part = next(part for part in values["parts"] if part["table"] == table)
        content = json.loads((root / part["path"]).read_text())
        change(content)
        data = json.dumps(content).encode()
        sha256 = hashlib.sha256(data).hexdigest()
        part.update(path=f"manifest/{table}-{sha256[:16]}.json", sha256=sha256, n_bytes=len(data))
        (root / part["path"]).write_bytes(data)
        names.append(part["path"])

    change_manifest(root, change_entry)
    return names[0]


def test_a_short_list_stands_in_the_manifest_as_ever(paths: AtlasPaths) -> None:
    written = make_manifest(FILES).write(paths)
    values = json.loads(paths.manifest.read_text())
    names = "format_version atlas_id run source source_sha256 counts files created cost version manifest_sha256"
    assert list(values) == names.split()
    assert values["format_version"] == written.format_version == FORMAT_VERSION
    assert [file["path"] for file in values["files"]] == [file.path for file in FILES]
    assert not paths.list_parts.exists()


def test_a_long_list_is_divided_and_comes_back(paths: AtlasPaths, manifest: Manifest) -> None:
    again = Manifest.read(paths)
    assert again == manifest
    assert again.format_version == DIVIDED_FORMAT_VERSION
    assert set(again.files) == set(FILES)
    assert [file.path for file in again.of_table(SITES)] == [file.path for file in FILES if file.table == "sites"]
    assert [again.files[i] for i in range(len(FILES))] == list(again.files)
    assert again.files[-1] == list(again.files)[-1]
    assert {file.table for file in again.files.listed} == {"proteins", "names"}
    assert len(again.of_table(SITES).parts) == N_SHARDS / 2


@pytest.mark.parametrize("damage", ["changed", "shortened", "lengthened", "removed", "a folder"])
def test_a_damaged_part_is_named_and_the_others_are_read(paths: AtlasPaths, manifest: Manifest, damage: str) -> None:
    part = manifest.of_table(SITES).parts[1]
    path = paths.root / part.path
    data = path.read_bytes()
    path.unlink()
    if damage == "a folder":
        path.mkdir()
    elif damage != "removed":
        changes = {"changed": data.replace(b"5003", b"5004"), "shortened": data[:-1], "lengthened": data + b" "}
        path.write_bytes(changes[damage])
    again = Manifest.read(paths)
    assert len(list(again.of_table(SITES).holding(0, 150))) == 2
    with pytest.raises(BrokenAtlasError, match=rf"(?s){part.path} (is not as manifest.json says|cannot be read)"):
        list(again.of_table(SITES))
    assert len([text for text in find_problems(paths, again) if text.startswith(f"{part.path}: ")]) == 1


@pytest.mark.parametrize(
    "entry",
    [
        {"path": "../secret.parquet"},
        {"path": "/etc/passwd"},
        {"path": "sites/../../secret.parquet"},
        {"path": "heads/shard-00001.parquet"},
        {"path": "sites/shard-00002.parquet"},
        {"table": "heads", "path": "heads/shard-00001.parquet"},
        {"table": "signs"},
        {"n_rows": 7},
        {"n_rows": -1},
        {"n_bytes": 1.5},
        {"sha256": "x"},
        {"first_sequence_id": 50},
        {"last_sequence_id": 10**6},
        {"colour": "red"},
    ],
    ids=str,
)
def test_what_a_part_says_is_checked_as_in_the_manifest(
    paths: AtlasPaths, manifest: Manifest, entry: dict[str, object]
) -> None:
    name = change_part(paths.root, lambda content: content["files"][0].update(entry))
    with pytest.raises(BrokenAtlasError, match=rf"(?s){name} cannot be read.*found: +files"):
        list(Manifest.read(paths).of_table(SITES))


@pytest.mark.parametrize(
    "content", ["[]", "{}", '{"files": 3}', '{"files": []}', '{"files": 3, "files": 3}', "[" * 10_000, 9 * "\udcff"]
)
def test_a_part_that_is_no_list_is_refused(paths: AtlasPaths, manifest: Manifest, content: str) -> None:
    data = content.encode(errors="surrogateescape")
    sha256 = hashlib.sha256(data).hexdigest()
    path = f"manifest/sites-{sha256[:16]}.json"
    change_manifest(paths.root, lambda values: values["parts"][-1].update(path=path, sha256=sha256, n_bytes=len(data)))
    (paths.root / path).write_bytes(data)
    with pytest.raises(BrokenAtlasError, match=r"sites-[0-9a-f]{16}\.json cannot be read"):
        list(Manifest.read(paths).of_table(SITES))


@pytest.mark.parametrize(
    "entry",
    [
        {"path": "../manifest/sites-0123456789abcdef.json"},
        {"path": "sites-0123456789abcdef.json"},
        {"path": "manifest/sites.json"},
        {"path": "manifest/heads-0123456789abcdef.json"},
        {"path": "/etc/passwd"},
        {"path": "http://127.0.0.1:1/sites-0123456789abcdef.json"},
        {"table": "signs"},
        {"sha256": "0" * 63},
        {"n_bytes": 0},
        {"n_bytes": 1 << 40},
        {"n_files": 0},
        {"n_files": "2"},
        {"n_rows": -1},
        {"n_table_bytes": 1 << 70},
        {"first_key": 3},
        {"colour": "red"},
    ],
    ids=str,
)
def test_an_entry_that_no_part_has_is_refused_when_the_manifest_is_read(
    paths: AtlasPaths, manifest: Manifest, entry: dict[str, object]
) -> None:
    change_manifest(paths.root, lambda values: values["parts"][0].update(entry))
    with pytest.raises(BrokenAtlasError, match=r"(?s)manifest\.json cannot be read.*found: +parts"):
        Manifest.read(paths)


def repeat_a_part(values: dict[str, Any]) -> None:
    values["parts"].append(values["parts"][0])


def list_a_table_twice(values: dict[str, Any]) -> None:
    values["files"].append(vars(FILES[2]))


@pytest.mark.parametrize(
    "change",
    [
        repeat_a_part,
        list_a_table_twice,
        lambda values: values.update(parts=[]),
        lambda values: values.pop("parts"),
        lambda values: values.pop("table_digests"),
        lambda values: values["table_digests"].update(heads="0" * 16),
        lambda values: values["table_digests"].update(sites=3),
        lambda values: values.update(format_version=FORMAT_VERSION),
    ],
)
def test_parts_that_contradict_the_manifest_are_refused(
    paths: AtlasPaths, manifest: Manifest, change: Callable[[dict[str, Any]], None]
) -> None:
    change_manifest(paths.root, change)
    with pytest.raises(BrokenAtlasError, match=r"(?s)manifest\.json cannot be read"):
        Manifest.read(paths)


def test_an_earlier_release_refuses_a_divided_list_by_name(paths: AtlasPaths, manifest: Manifest) -> None:
    with pytest.raises(BrokenAtlasError, match="another atlas format") as caught:
        Manifest.parse(paths.manifest.read_bytes(), source="x", format_versions=(FORMAT_VERSION,))
    assert caught.value.found == f"format version {DIVIDED_FORMAT_VERSION}"


def test_a_part_damaged_on_the_disk_is_written_anew(paths: AtlasPaths, manifest: Manifest) -> None:
    path = paths.root / manifest.files.parts[0].path
    data = path.read_bytes()
    path.write_bytes(data[:-1] + b" ")
    with dividing():
        make_manifest(FILES).write(paths)
    assert path.read_bytes() == data


def test_a_file_in_two_parts_and_a_wrong_digest_of_a_table_are_found(atlas_dir: Path, tmp_path: Path) -> None:
    root = copy_divided(atlas_dir, tmp_path / "atlas")
    paths = AtlasPaths(root)
    assert find_problems(paths, Manifest.read(paths)) == []

    def name_twice(values: dict[str, Any]) -> None:
        first_part, second_part = (part for part in values["parts"] if part["table"] == "sites")
        content = json.loads((root / first_part["path"]).read_text())
        data = json.dumps({**content, "files": content["files"][:1]}).encode()
        sha256 = hashlib.sha256(data).hexdigest()
        entry = content["files"][0]
        names = ("n_rows", "first_sequence_id", "last_sequence_id")
        second_part.update({name: entry[name] for name in names}, n_table_bytes=entry["n_bytes"], n_files=1)
        second_part.update(path=f"manifest/sites-{sha256[:16]}.json", sha256=sha256, n_bytes=len(data))
        (root / second_part["path"]).write_bytes(data)

    change_manifest(root, name_twice)
    assert find_problems(paths, Manifest.read(paths)) == [
        "sites/shard-00001.parquet: in the manifest 2 times",
        "sites: its digest in the manifest is not that of its files",
        "sites/shard-00003.parquet: not in the manifest; remove it",
    ]


def test_parts_that_nobody_names_are_told_and_no_damage(atlas_dir: Path, tmp_path: Path) -> None:
    root = copy_divided(atlas_dir, tmp_path / "atlas")
    stray = root / "manifest" / "heads-0123456789abcdef.json"
    stray.write_text("{}")
    paths = AtlasPaths(root)
    assert find_problems(paths, Manifest.read(paths)) == []
    assert find_unfinished_files(paths, Manifest.read(paths)) == ["manifest/heads-0123456789abcdef.json"]


def test_files_of_a_table_whose_list_is_damaged_are_not_called_strangers(atlas_dir: Path, tmp_path: Path) -> None:
    root = copy_divided(atlas_dir, tmp_path / "atlas")
    paths = AtlasPaths(root)
    part = Manifest.read(paths).files.of_tables(["heads"]).parts[0]
    (root / part.path).unlink()
    (text,) = find_problems(paths, Manifest.read(paths))
    assert text.startswith(f"{part.path}: ")
    assert "there is no such file" in text
