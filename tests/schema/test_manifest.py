"""Receipts and manifests: what is written is read, other versions are refused, and every damage is found."""

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.changed_manifest import change_file, change_manifest

from attlas.schema import (
    DIVIDED_FORMAT_VERSION,
    FORMAT_VERSION,
    NAMES,
    PROTEINS,
    RESIDUES,
    SITES,
    AtlasPaths,
    BrokenAtlasError,
    Counts,
    Manifest,
    Receipt,
    Run,
    Table,
    TableFile,
)
from attlas.schema.blocks import add_block_digests
from attlas.schema.file_list import FileList
from attlas.schema.json_file import digest
from attlas.schema.parquet_file import PROVENANCE_KEY, describe_file, provenance, write_table
from attlas.schema.verify import find_problems, find_unfinished_files

RUN = Run(
    model="model",
    revision="local",
    weights_sha256="0" * 64,
    config_sha256="0" * 64,
    architecture="esm",
    n_layers=6,
    n_heads=20,
    dtype="float32",
    device="cpu",
    attention="tiled",
    attention_bound=1e-3,
    letters="J as X",
    rule="nayar-2025-05",
    edge_theta=0.3,
    max_length=None,
    format_version=FORMAT_VERSION,
    attlas_version="0.1.0",
    torch_version="2.13.0",
    transformers_version="5.23.0",
)
ATLAS_ID = "0123456789abcdef"
FIRST_ID, LAST_ID = 3, 7


@pytest.fixture
def paths(tmp_path: Path) -> AtlasPaths:
    return AtlasPaths(tmp_path / "atlas")


@pytest.fixture
def manifest(paths: AtlasPaths) -> Manifest:
    """Write the smallest atlas there is: two proteins, a name, two sites; return its manifest, written too."""
    proteins = _put(paths, PROTEINS, paths.proteins, [_row(PROTEINS, accession=name) for name in ("P0DP23", "P0DP24")])
    names = _put(paths, NAMES, paths.part(NAMES, 1, 1), [_row(NAMES, key="p0dp23", accession="P0DP23")])
    rows = [_row(SITES, sequence_id=i, position=1, residue="M") for i in (FIRST_ID, LAST_ID)]
    sites = _put(paths, SITES, paths.shard(SITES, 1), rows)
    made = Manifest(
        format_version=FORMAT_VERSION,
        atlas_id=ATLAS_ID,
        run=RUN,
        source="proteins.fasta",
        source_sha256="1" * 64,
        counts=Counts(
            n_records=2, n_requested=2, n_ok=1, n_skipped=1, n_failed=0, n_sequences=1, n_residues=149, n_sites=2
        ),
        files=FileList((proteins, names, sites)),
        created="2026-01-01T00:00:00+00:00",
        cost={"wall_s": 1.5},
    )
    made.write(paths)
    return made


def _row(table: Table, **values: object) -> dict[str, object]:
    blank = {"string": "", "bool": False}
    row = {c.name: None if c.is_nullable else blank.get(str(c.type), 0) for c in table.stored()}
    return {**row, **values}


def _put(paths: AtlasPaths, table: Table, path: Path, rows: list[dict[str, object]]) -> TableFile:
    path.parent.mkdir(parents=True)
    arrow = pa.Table.from_pylist(rows, schema=table.schema(RUN.n_layers))
    write_table(path, table=table, rows=arrow, metadata=provenance(RUN, ATLAS_ID))
    return describe_file(paths, path, table)


def test_a_manifest_comes_back_as_it_was_written(paths: AtlasPaths, manifest: Manifest) -> None:
    assert Manifest.read(paths) == manifest
    assert [file.path for file in manifest.of_table(SITES)] == ["sites/shard-00001.parquet"]


def test_a_receipt_comes_back_as_it_was_written(paths: AtlasPaths, manifest: Manifest) -> None:
    receipt = Receipt(
        index=12,
        plan_id=ATLAS_ID,
        files=tuple(manifest.files),
        n_sequences=5,
        n_failed=1,
        n_residues=745,
        wall_s=1.25,
        model_s=1.0,
        peak_bytes=2**33,
        predicted_bytes=2**34,
        host="here",
    )
    receipt.write(paths)
    assert Receipt.read(paths.receipt(12)) == receipt


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


@pytest.mark.parametrize("text", ["", "{", "[]", '{"index": 1, "files": []}', '{"files": [{"no": 1}]}', "\udcff"])
def test_a_receipt_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "shard-00001.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(BrokenAtlasError, match=r"shard-00001\.json cannot be read"):
        Receipt.read(path)


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


def test_a_file_is_described_by_its_rows_bytes_and_range(paths: AtlasPaths, manifest: Manifest) -> None:
    proteins, _, sites = manifest.files
    assert (proteins.n_rows, proteins.first_sequence_id, proteins.last_sequence_id) == (2, None, None)
    assert (sites.n_rows, sites.first_sequence_id, sites.last_sequence_id) == (2, FIRST_ID, LAST_ID)
    assert sites.n_bytes == (paths.root / sites.path).stat().st_size


def test_provenance_is_in_every_file_and_holds_no_time(paths: AtlasPaths, manifest: Manifest) -> None:
    for file in manifest.files:
        values = json.loads(pq.read_schema(paths.root / file.path).metadata[PROVENANCE_KEY])
        assert values["atlas_id"] == ATLAS_ID
        assert values["run_id"] == RUN.run_id
        assert {name: values[name] for name in RUN.to_json()} == RUN.to_json()
        assert set(values) == {"atlas_id", "run_id", "determinism", *RUN.to_json()}


def test_a_whole_atlas_has_no_problems(paths: AtlasPaths, manifest: Manifest) -> None:
    assert find_problems(paths, manifest) == []


def test_a_missing_file_is_found(paths: AtlasPaths, manifest: Manifest) -> None:
    paths.shard(SITES, 1).unlink()
    assert find_problems(paths, manifest) == ["sites/shard-00001.parquet: missing"]


def test_a_link_or_a_pipe_that_nobody_names_is_found_in_the_folder_of_a_table(
    paths: AtlasPaths, manifest: Manifest
) -> None:
    """They are said where they are found, in the folder of an added table, too; other files are not."""
    features = paths.root / "features"
    features.mkdir()
    (paths.root / "sites" / "etc").symlink_to("/etc")
    (features / "y.txt").symlink_to("/etc/passwd")
    os.mkfifo(features / "shard-00001.parquet")
    (features / "notes.txt").write_text("mine")
    assert find_problems(paths, manifest) == [
        "features/shard-00001.parquet: not in the manifest; remove it",
        "features/y.txt: not in the manifest; remove it",
        "sites/etc: not in the manifest; remove it",
    ]
    assert find_unfinished_files(paths, manifest) == []


def test_one_changed_byte_is_found_wherever_it_is(paths: AtlasPaths, manifest: Manifest) -> None:
    path = paths.shard(SITES, 1)
    whole = path.read_bytes()
    for at in (0, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        (text,) = find_problems(paths, manifest)
        assert text.startswith("sites/shard-00001.parquet: sha256 ")


def test_a_truncated_file_is_found(paths: AtlasPaths, manifest: Manifest) -> None:
    path = paths.shard(SITES, 1)
    path.write_bytes(path.read_bytes()[:-1])
    (text,) = find_problems(paths, manifest)
    assert "bytes expected" in text


@pytest.mark.parametrize("change", ["dropped", "retyped", "renamed"])
def test_a_file_with_other_columns_is_found(paths: AtlasPaths, manifest: Manifest, change: str) -> None:
    path = paths.shard(SITES, 1)
    rows = pq.read_table(path)
    if change == "dropped":
        rows = rows.drop_columns(["share"])
    elif change == "retyped":
        rows = rows.set_column(rows.column_names.index("share"), "share", rows["share"].cast(pa.float64()))
    else:
        rows = rows.rename_columns({"share": "fraction"})
    pq.write_table(rows, path)
    add_block_digests(path)
    wrong = describe_file(paths, path, SITES)
    problems = find_problems(paths, replace(manifest, files=FileList((*manifest.files[:2], wrong))))
    assert problems == ["sites/shard-00001.parquet: its columns are not those of table sites"]


def test_a_list_of_another_number_of_layers_is_found(paths: AtlasPaths, manifest: Manifest) -> None:
    other = replace(manifest, run=replace(RUN, n_layers=RUN.n_layers + 1))
    assert find_problems(paths, other) == []  # neither table has a list per layer
    path = paths.root / "residues" / "shard-00001.parquet"
    path.parent.mkdir()
    pq.write_table(RESIDUES.schema(RUN.n_layers).empty_table(), path)
    add_block_digests(path)
    with_list = replace(other, files=FileList((*manifest.files, describe_file(paths, path, RESIDUES))))
    assert find_problems(paths, with_list) == [
        "residues/shard-00001.parquet: its columns are not those of table residues"
    ]


def test_a_wrong_number_of_rows_is_found(paths: AtlasPaths, manifest: Manifest) -> None:
    proteins, names, sites = manifest.files
    files = FileList((proteins, names, replace(sites, n_rows=3)))
    problems = find_problems(paths, replace(manifest, files=files))
    assert problems == ["sites/shard-00001.parquet: 3 rows expected, 2 found"]


def test_counts_that_do_not_add_up_are_found(paths: AtlasPaths, manifest: Manifest) -> None:
    (text,) = find_problems(paths, replace(manifest, counts=replace(manifest.counts, n_failed=1)))
    assert "2 requested, but ok + skipped + failed differ" in text


def test_a_protein_too_few_is_found(paths: AtlasPaths, manifest: Manifest) -> None:
    counts = replace(manifest.counts, n_requested=3, n_ok=2)
    assert find_problems(paths, replace(manifest, counts=counts)) == ["proteins: 3 rows expected, 2 found"]


def test_an_atlas_without_its_index_of_names_is_not_whole(paths: AtlasPaths, manifest: Manifest) -> None:
    files = FileList(tuple(file for file in manifest.files if file.table != NAMES.name))
    texts = find_problems(paths, replace(manifest, files=files))
    assert [text.partition(":")[0] for text in texts] == ["names/names-00001-of-00001.parquet", "names"]
    assert "no file of this index" in texts[1]


def test_every_problem_is_listed_not_only_the_first(paths: AtlasPaths, manifest: Manifest) -> None:
    paths.shard(SITES, 1).unlink()
    paths.proteins.unlink()
    assert len(find_problems(paths, manifest)) == 2


def test_a_run_comes_back_and_every_field_is_part_of_its_identity() -> None:
    assert Run.from_json(RUN.to_json()) == RUN
    changed = {name: 5 if isinstance(value, int | None) else f"{value}x" for name, value in RUN.to_json().items()}
    ids = {replace(RUN, **{name: value}).run_id for name, value in changed.items()}
    assert len(ids | {RUN.run_id}) == len(changed) + 1


def test_a_run_from_before_products_were_recorded_has_plain_ones_and_keeps_its_id() -> None:
    older = RUN.to_json()
    del older["products"]
    canonical = json.dumps(older, sort_keys=True, separators=(",", ":"))
    assert Run.from_json(older) == RUN
    assert RUN.run_id == hashlib.sha256(canonical.encode()).hexdigest()[:16]


def test_a_run_says_its_products_only_where_the_dtype_does_not() -> None:
    assert RUN.arithmetic == "float32 on cpu, attention tiled"
    on_gpu = replace(RUN, device="cuda", attention="triton", products="bfloat16x3")
    assert on_gpu.arithmetic == "float32, products bfloat16x3 on cuda, attention triton"


def test_a_difference_between_runs_names_both_values() -> None:
    assert RUN.describe_changes(RUN) == []
    assert RUN.describe_changes(replace(RUN, dtype="bfloat16")) == ["dtype: float32 -> bfloat16"]


def test_a_digest_depends_on_values_and_not_on_the_order_of_keys() -> None:
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
    assert len(digest({})) == 16


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


@pytest.mark.parametrize("name", ["files", "n_sequences", "wall_s", "host"])
@pytest.mark.parametrize("value", [None, "", [], {}, True])
def test_a_receipt_with_a_value_of_another_type_is_reported(
    paths: AtlasPaths, manifest: Manifest, name: str, value: object
) -> None:
    receipt = Receipt(1, ATLAS_ID, tuple(manifest.files), 5, 1, 745, 1.25, 1.0, 2**33, 2**34, "here")
    receipt.write(paths)
    values = json.loads(paths.receipt(1).read_text())
    if type(values[name]) is type(value):
        value = 5
    paths.receipt(1).write_text(json.dumps(values | {name: value}))
    with pytest.raises(BrokenAtlasError, match=rf"(?s)shard-00001\.json cannot be read.*{name}"):
        Receipt.read(paths.receipt(1))
