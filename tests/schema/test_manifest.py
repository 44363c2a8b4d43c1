"""Manifests: what is written is read, and other versions, and what is none, are refused by name."""

import json
from pathlib import Path

import pytest
from helpers.changed_manifest import change_file, change_manifest

from attlas.schema import DIVIDED_FORMAT_VERSION, FORMAT_VERSION, SITES, AtlasPaths, BrokenAtlasError, Manifest, Receipt


def test_a_manifest_comes_back_as_it_was_written(paths: AtlasPaths, manifest: Manifest) -> None:
    assert Manifest.read(paths) == manifest
    assert [file.path for file in manifest.of_table(SITES)] == ["sites/shard-00001.parquet"]


def test_a_key_that_stands_twice_is_refused_by_name(paths: AtlasPaths, manifest: Manifest) -> None:
    """Readers differ in which of its values they take; the digest of the manifest holds for the last."""
    text = paths.manifest.read_text()
    for key, repeated in [("source", '"source": "evil", "source"'), ("path", '"path": "../x", "path"')]:
        paths.manifest.write_text(text.replace(f'"{key}"', repeated, 1))
        with pytest.raises(BrokenAtlasError, match=rf"(?s)manifest\.json cannot be read.*the key '{key}' occurs twice"):
            Manifest.read(paths)

    receipt = paths.root / "shard-00001.json"
    receipt.write_text('{"index": 1, "index": 2}')
    with pytest.raises(BrokenAtlasError, match=r"(?s)shard-00001\.json cannot be read.*the key 'index' occurs twice"):
        Receipt.read(receipt)


@pytest.mark.parametrize("version", [FORMAT_VERSION - 1, DIVIDED_FORMAT_VERSION + 1, None, "1"])
def test_another_format_version_is_refused_with_both_named(
    paths: AtlasPaths, manifest: Manifest, version: object
) -> None:
    paths.manifest.write_text(json.dumps(json.loads(paths.manifest.read_text()) | {"format_version": version}))
    with pytest.raises(BrokenAtlasError, match="another atlas format") as caught:
        Manifest.read(paths)
    assert caught.value.expected == f"format version {FORMAT_VERSION} or {DIVIDED_FORMAT_VERSION}"
    assert caught.value.found == f"format version {version}"


@pytest.mark.parametrize(
    ("version", "what_to_do"),
    [
        (1, "build it again; it can be read by attlas from before its first release only"),
        (2, "`attlas upgrade {} -o NEW` writes the same atlas in the format of today"),
        (DIVIDED_FORMAT_VERSION + 1, "read it with a newer attlas release"),
        (None, "build it again; it can be read by the attlas release that wrote it only"),
    ],
)
def test_an_atlas_of_another_format_is_refused_with_what_to_do(
    tmp_path: Path, version: object, what_to_do: str
) -> None:
    # Of another format nothing else is expected to be as it is now: the version alone decides.
    (tmp_path / "manifest.json").write_text(json.dumps({"format_version": version}))
    with pytest.raises(BrokenAtlasError, match="has another atlas format") as caught:
        Manifest.read(AtlasPaths(tmp_path))
    assert caught.value.hint == what_to_do.format(tmp_path)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("key", ["run", "counts", "files", "atlas_id", "created"])
def test_a_manifest_without_a_field_cannot_be_read(paths: AtlasPaths, manifest: Manifest, key: str) -> None:
    values = json.loads(paths.manifest.read_text())
    del values[key]
    paths.manifest.write_text(json.dumps(values))
    with pytest.raises(BrokenAtlasError, match=r"manifest\.json cannot be read"):
        Manifest.read(paths)


def test_a_directory_that_is_none_is_unfinished_or_is_no_atlas_is_told_apart(paths: AtlasPaths) -> None:
    with pytest.raises(BrokenAtlasError, match="There is no directory"):
        Manifest.read(paths)
    paths.root.mkdir()
    with pytest.raises(BrokenAtlasError, match="is no atlas"):
        Manifest.read(paths)
    paths.plan.write_text("{}")
    with pytest.raises(BrokenAtlasError, match="not whole yet"):
        Manifest.read(paths)


@pytest.mark.parametrize(
    "change",
    [
        {"files": None},
        {"files": [1]},
        {"files": [{}]},
        {"files": {"0": {}}},
        {"counts": 5},
        {"counts": {"n_ok": 1}},
        {"run": []},
        {"run": "model"},
        {"source": 7},
        {"source": "\ud800"},
        {"created": "yesterday"},
        {"cost": [1]},
        {"cost": {"wall_s": "long"}},
        {"version": True},
        {"version": "2"},
        {"atlas_id": None},
        {"something": "else"},
    ],
    ids=str,
)
def test_a_manifest_with_a_value_of_another_type_is_reported(
    paths: AtlasPaths, manifest: Manifest, change: dict[str, object]
) -> None:
    change_manifest(paths.root, lambda values: values.update(change))
    with pytest.raises(BrokenAtlasError, match=r"(?s)manifest\.json cannot be read.*found: .*(is|are|Invalid)"):
        Manifest.read(paths)


@pytest.mark.parametrize(
    "change",
    [
        {"n_rows": "2"},
        {"n_rows": -1},
        {"n_bytes": 2**64},
        {"n_bytes": 1.5},
        {"sha256": "x"},
        {"tail_bytes": 0},
        {"tail_bytes": 10**9},
        {"first_sequence_id": "0"},
        {"table": "signs"},
        {"table": ["sites"]},
        {"path": None},
        {"path": "proteins/proteins.parquet"},
        {"path": "sites/other.parquet"},
        {"path": "sites/shard-00001.parquet\n"},
        {"path": "sites//shard-00001.parquet"},
        {"path": "./sites/shard-00001.parquet"},
        {"colour": "red"},
    ],
    ids=str,
)
def test_a_file_with_a_value_that_none_has_is_reported(
    paths: AtlasPaths, manifest: Manifest, change: dict[str, object]
) -> None:
    change_file(paths.root, "sites", **change)
    with pytest.raises(BrokenAtlasError, match=r"(?s)manifest\.json cannot be read.*found: +files"):
        Manifest.read(paths)


@pytest.mark.parametrize("n_layers", [0, -1, 10**9])
def test_a_number_of_layers_that_no_model_has_is_reported(paths: AtlasPaths, manifest: Manifest, n_layers: int) -> None:
    change_manifest(paths.root, lambda values: values["run"].update(n_layers=n_layers))
    with pytest.raises(BrokenAtlasError, match=r"(?s)manifest\.json cannot be read.*layer"):
        Manifest.read(paths)


def test_every_changed_byte_of_a_manifest_is_noticed_or_changes_nothing(paths: AtlasPaths, manifest: Manifest) -> None:
    whole = paths.manifest.read_bytes()
    n_noticed = 0
    for at in range(0, len(whole), 7):
        harmed = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        try:
            assert Manifest.parse(harmed, source="x") == manifest
        except BrokenAtlasError:
            n_noticed += 1
    assert n_noticed > 0.8 * len(whole) / 7


def test_nested_brackets_without_end_are_reported(paths: AtlasPaths, manifest: Manifest) -> None:
    paths.manifest.write_text("[" * 200_000)
    with pytest.raises(BrokenAtlasError, match=r"manifest\.json cannot be read"):
        Manifest.read(paths)
