"""Digest every column of every table of an atlas, rows in key order: proof that a change left the values as they were.

    python benchmarks/table_digests.py ATLAS > before.txt
    python benchmarks/table_digests.py ATLAS --against before.txt

Two atlases that agree here hold the same values, whatever their files look like: compression, row groups, metadata,
column docs and the number of files do not count. With `--against`, a column that is new is said; one that is gone or
differs is a fault (exit code 1).
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

ROW_NAMES = (
    "sequence_id",
    "accession",
    "database",
    "family",
    "source",
    "chain",
    "type",
    "begin",
    "end",
    "label",
    "layer",
    "head",
    "position",
    "i",
    "j",
    "description",
)
"""Columns that name a row, in whatever tables they stand: together they hold every table's key."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("atlas", type=Path)
    parser.add_argument("--against", type=Path, help="what this script printed for another atlas")
    arguments = parser.parse_args()

    digests = dict(column_digests(arguments.atlas))
    if arguments.against is None:
        for column, digest in digests.items():
            print(column, digest)
        return

    before = dict(line.rsplit(maxsplit=1) for line in arguments.against.read_text().splitlines())
    differing = [column for column, digest in before.items() if digests.get(column) != digest]
    for column in differing:
        print(f"{column}: {'gone' if column not in digests else 'differs'}")
    for column in digests.keys() - before.keys():
        print(f"{column}: new")
    print(f"{len(before) - len(differing)} of {len(before)} columns hold the same values")
    sys.exit(bool(differing))


def column_digests(atlas: Path) -> Iterator[tuple[str, str]]:
    """Yield `table.column type` and the SHA-256 of the column's values, rows in the order of what names them."""
    manifest = json.loads((atlas / "manifest.json").read_text())
    for table in sorted({file["table"] for file in manifest["files"]}):
        paths = [atlas / file["path"] for file in manifest["files"] if file["table"] == table]
        rows = pa.concat_tables([pq.read_table(path).replace_schema_metadata() for path in paths])
        names = [name for name in ROW_NAMES if name in rows.column_names]
        if names:  # an index has none of them, and its rows are stored in the order of its keys
            rows = rows.take(pc.sort_indices(rows, sort_keys=[(name, "ascending") for name in names]))
        for name in rows.column_names:
            values = json.dumps(rows[name].to_pylist(), sort_keys=True, default=str)
            yield f"{table}.{name} {rows.schema.field(name).type}", hashlib.sha256(values.encode()).hexdigest()


if __name__ == "__main__":
    main()
