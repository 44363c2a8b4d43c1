"""Rows that were made up are sealed as an atlas: files, indexes of names, counts and a manifest."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from attlas.pipeline.indexes.writing import write_indexes
from attlas.schema import FORMAT_VERSION, AtlasPaths, Counts, Manifest, Run
from attlas.schema.json_file import digest
from attlas.schema.parquet_file import provenance
from helpers.table_files import find_table, publish_table

ShardRows = tuple[str, int, pa.Table]
"""The table's name, the shard's number from 1, and the rows."""


def seal_atlas(
    root: Path,
    run: Run,
    proteins: pa.Table,
    shard_rows: Iterable[ShardRows],
    *,
    accessions: Sequence[str],
    source: str,
) -> Manifest:
    """Write rows as a sealed atlas and return its manifest; `accessions` are in the order of the source."""
    paths = AtlasPaths(root)
    atlas_id = digest([run.run_id, list(accessions)])
    metadata = provenance(run, atlas_id)
    files = [publish_table(paths, paths.proteins, find_table("proteins"), proteins, metadata)]
    files += write_indexes(paths, [paths.proteins], metadata=metadata)

    n_rows: Counter[str] = Counter()
    for name, index, rows in shard_rows:
        table = find_table(name)
        files.append(publish_table(paths, paths.shard(table, index), table, rows, metadata))
        n_rows[name] += len(rows)

    manifest = Manifest(
        format_version=FORMAT_VERSION,
        atlas_id=atlas_id,
        run=run,
        source=f"{source}.fasta",
        source_sha256=hashlib.sha256(source.encode()).hexdigest(),
        counts=_count(proteins["status"].to_pylist(), n_rows),
        files=tuple(sorted(files, key=lambda file: (file.table, file.path))),
        created="2026-11-21T00:00:00+00:00",
        cost={"wall_s": 1.0, "model_s": 0.5, "peak_bytes": 1e9},
    )
    manifest.write(paths)
    return manifest


def _count(status: Sequence[str], n_rows: Mapping[str, int]) -> Counts:
    """Return the counts of an atlas from the status of each protein and the number of rows of each table."""
    return Counts(
        n_records=len(status),
        n_requested=len(status),
        n_ok=status.count("ok"),
        n_skipped=status.count("skipped"),
        n_failed=status.count("failed"),
        n_sequences=n_rows["sequences"],
        n_residues=n_rows["residues"],
        n_sites=n_rows["sites"],
    )
