"""An atlas of format 2 is written anew: the same numbers and id, in types that every engine reads."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.reading_case import PROTEINS
from helpers.synthetic import write_atlas

from attlas.pipeline.upgrade import upgrade
from attlas.queries import Atlas
from attlas.schema import INDEX_TABLES, RESIDUES, TABLES, AtlasPaths, BrokenAtlasError, InputError, Manifest, Table
from attlas.schema.blocks import add_block_digests
from attlas.schema.json_file import content_sha256, json_bytes
from attlas.schema.parquet_file import describe_file
from attlas.schema.verify import find_problems


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("upgrade") / "new"
    write_atlas(root, PROTEINS)
    return root


@pytest.fixture(scope="module")
def old(new: Path) -> Path:
    """The same atlas as format 2 had it: half floats, no members of clusters, no indexes of names, no keys of files."""
    root = shutil.copytree(new, new.with_name("old"))
    for index in INDEX_TABLES:
        shutil.rmtree(root / index.name)
    paths, manifest = AtlasPaths(root), Manifest.read(AtlasPaths(root))
    half = pa.list_(pa.field("item", pa.float16(), nullable=False), manifest.run.n_layers)
    entries = []
    for file in manifest.files:
        if file.table in [index.name for index in INDEX_TABLES]:
            continue
        path = root / file.path
        if file.table == "proteins":
            rows = pq.read_table(path).drop_columns(["n_members"])
            pq.write_table(rows, path, row_group_size=8_192, compression="zstd")
            add_block_digests(path)
        if file.table == "residues":
            rows = pq.read_table(path)
            lists = rows["received"].combine_chunks()
            values = lists.flatten().cast(pa.float16())
            at = rows.schema.get_field_index("received")
            rows = rows.set_column(
                at, pa.field("received", half, False), pa.FixedSizeListArray.from_arrays(values, type=half)
            )
            pq.write_table(rows, path, row_group_size=8_192, compression="zstd")
            add_block_digests(path)
        entry = vars(describe_file(paths, path, _table(file.table)))
        entries.append({name: value for name, value in entry.items() if name not in ("first_key", "last_key")})

    values = json.loads(paths.manifest.read_text()) | {"format_version": 2, "files": entries}
    del values["manifest_sha256"]
    paths.manifest.write_bytes(json_bytes({**values, "manifest_sha256": content_sha256(values)}))
    return root


def _table(name: str) -> Table:
    return next(table for table in TABLES if table.name == name)


def test_an_upgraded_atlas_has_the_same_id_and_the_same_rows(
    new: Path, old: Path, tmp_path: Path, attlas: Callable
) -> None:
    run = attlas("show", old, "P04637")
    assert run.code == 1
    assert f"`attlas upgrade {old} -o NEW` writes the same atlas in the format of today" in run.err

    run = attlas("upgrade", old, "-o", tmp_path / "upgraded")
    assert run.code == 0, run.err
    with Atlas.open(new) as expected, Atlas.open(tmp_path / "upgraded") as upgraded:
        assert upgraded.manifest.atlas_id == expected.manifest.atlas_id
        assert upgraded.manifest.run == expected.manifest.run
        assert find_problems(AtlasPaths(tmp_path / "upgraded"), upgraded.manifest) == []
        for table in ("proteins", "sites", "residues", "heads", "sequences"):
            query = f"FROM {table} ORDER BY ALL"
            assert upgraded.sql(query).to_pylist() == expected.sql(query).to_pylist(), table
        assert upgraded.match("TP53") == expected.match("TP53")
        for file in upgraded.manifest.of_table(RESIDUES):
            schema = pq.read_schema(tmp_path / "upgraded" / file.path)
            assert schema.equals(RESIDUES.schema(upgraded.n_layers))
            assert b"attlas" in (schema.metadata or {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["upgraded"]


def test_what_cannot_be_upgraded_is_refused_and_leaves_nothing(new: Path, old: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is of format 3 already"):
        upgrade(new, tmp_path / "x")
    with pytest.raises(InputError, match="is there already"):
        upgrade(old, new)

    damaged = shutil.copytree(old, tmp_path / "damaged")
    path = damaged / "sites" / "shard-00001.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(BrokenAtlasError, match=r"sites.shard-00001\.parquet is not as its manifest says"):
        upgrade(damaged, tmp_path / "x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["damaged"]
