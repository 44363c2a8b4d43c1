"""A list of files that do not exist, long enough to be divided, and a manifest of them."""

from collections.abc import Sequence

from attlas.schema import FORMAT_VERSION, NAMES, PROTEINS, SEQUENCES, SITES, Counts, Manifest, TableFile
from attlas.schema.file_list import FileList
from helpers.divided import listed_file
from helpers.synthetic import synthetic_run

N_SHARDS = 10
PROTEINS_FILE = listed_file(
    PROTEINS, 1, path="proteins/proteins.parquet", first_sequence_id=None, last_sequence_id=None
)
FILES = [
    PROTEINS_FILE,
    *(listed_file(table, index) for index in range(1, N_SHARDS + 1) for table in (SEQUENCES, SITES)),
    listed_file(NAMES, 1, path="names/names-00001-of-00001.parquet", first_key="a", last_key="z"),
]


def make_manifest(files: Sequence[TableFile] = FILES) -> Manifest:
    """Return a manifest that lists these files."""
    return Manifest(
        format_version=FORMAT_VERSION,
        atlas_id="0123456789abcdef",
        run=synthetic_run(4, 2),
        source="proteins.fasta",
        source_sha256="1" * 64,
        counts=Counts(101, 101, 101, 0, 0, 101, 101, 0),
        files=FileList(tuple(files)),
        created="2026-01-01T00:00:00+00:00",
        cost={"wall_s": 1.5},
    )
