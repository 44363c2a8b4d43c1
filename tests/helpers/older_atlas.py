"""An atlas as an earlier format had it."""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from attlas.schema import INDEX_TABLES, TABLES, AtlasPaths, Manifest, Table
from attlas.schema.blocks import add_block_digests
from attlas.schema.json_file import content_sha256, json_bytes
from attlas.schema.parquet_file import describe_file


def write_older(new: Path, root: Path) -> Path:
    """Write an atlas as format 2 had it: half floats, no members of clusters, no indexes of names, no keys of files."""
    shutil.copytree(new, root)
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
