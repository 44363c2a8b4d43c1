"""The smallest atlas there is: two proteins, a name, two sites."""

from pathlib import Path

import pyarrow as pa

from attlas.schema import FORMAT_VERSION, NAMES, PROTEINS, SITES, AtlasPaths, Counts, Manifest, Table
from attlas.schema.file_list import FileList
from attlas.schema.parquet_file import provenance
from helpers.table_files import publish_table
from helpers.written_run import RUN

ATLAS_ID = "0123456789abcdef"
FIRST_ID, LAST_ID = 3, 7
"""Of the two sequences that have sites."""


def write_smallest(paths: AtlasPaths) -> Manifest:
    """Write the atlas, and return its manifest, written too."""
    rows = {
        (PROTEINS, paths.proteins): [{"accession": name} for name in ("P0DP23", "P0DP24")],
        (NAMES, paths.part(NAMES, 1, 1)): [{"key": "p0dp23", "accession": "P0DP23"}],
        (SITES, paths.shard(SITES, 1)): [
            {"sequence_id": sequence_id, "position": 1, "residue": "M"} for sequence_id in (FIRST_ID, LAST_ID)
        ],
    }
    counts = Counts(
        n_records=2, n_requested=2, n_ok=1, n_skipped=1, n_failed=0, n_sequences=1, n_residues=149, n_sites=2
    )
    manifest = Manifest(
        format_version=FORMAT_VERSION,
        atlas_id=ATLAS_ID,
        run=RUN,
        source="proteins.fasta",
        source_sha256="1" * 64,
        counts=counts,
        files=FileList(tuple(_publish(paths, *place, of_table) for place, of_table in rows.items())),
        created="2026-01-01T00:00:00+00:00",
        cost={"wall_s": 1.5},
    )
    manifest.write(paths)
    return manifest


def _publish(paths: AtlasPaths, table: Table, path: Path, rows: list[dict[str, object]]):
    """Write rows whose other columns are null, or blank where they may not be."""
    blank = {"string": "", "bool": False}
    row = {c.name: None if c.is_nullable else blank.get(str(c.type), 0) for c in table.stored()}
    arrow = pa.Table.from_pylist([{**row, **values} for values in rows], schema=table.schema(RUN.n_layers))
    return publish_table(paths, path, table, arrow, provenance(RUN, ATLAS_ID))
