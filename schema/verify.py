"""Compare the directory of an atlas with its manifest: every file by its digest, every count."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.parquet as pq

from attlas.schema.blocks import read_tail
from attlas.schema.errors import BrokenAtlasError
from attlas.schema.manifest import Manifest
from attlas.schema.paths import AtlasPaths
from attlas.schema.publish import file_sha256
from attlas.schema.table_file import TableFile
from attlas.schema.tables import ADDED_TABLES, PROTEINS, STORED_TABLES

MOST_THREADS = 16
"""Files that are read at once; more than a disk gives."""


def find_problems(paths: AtlasPaths, manifest: Manifest) -> list[str]:
    """Return a sentence for every difference between a directory and its manifest; none for an atlas that is whole.

    Every file must exist, with the size, the SHA-256, the schema and the number of rows of its entry; the counts must
    keep the completeness contract.
    """
    # Nearly all of it is hashing, which lets other threads work meanwhile.
    with ThreadPoolExecutor(min(os.cpu_count() or 1, MOST_THREADS)) as threads:
        problems = threads.map(lambda file: _file_problems(paths, manifest, file), manifest.files)
        texts = [text for file_texts in problems for text in file_texts]
    texts += [f"{path}: not in the manifest; remove it" for path in _unnamed_files(paths, manifest)]
    return texts + find_count_problems(manifest)


def find_count_problems(manifest: Manifest) -> list[str]:
    """Return a sentence for every count of a manifest that breaks the completeness contract."""
    texts = []
    counts = manifest.counts
    if counts.n_requested != counts.n_ok + counts.n_skipped + counts.n_failed:
        texts.append(f"counts: {counts.n_requested} requested, but ok + skipped + failed differ: {counts}")
    n_proteins = sum(file.n_rows for file in manifest.of_table(PROTEINS))
    if n_proteins != counts.n_requested:
        texts.append(f"proteins: {counts.n_requested} rows expected, {n_proteins} found")
    return texts


def find_metadata_problems(file: TableFile, metadata: pq.FileMetaData, manifest: Manifest) -> list[str]:
    """Return a sentence for every difference between the footer of a file and its entry or its table's schema."""
    texts = []
    table = next(table for table in STORED_TABLES if table.name == file.table)
    if not metadata.schema.to_arrow_schema().equals(table.schema(manifest.run.n_layers)):
        texts.append(f"{file.path}: its columns are not those of table {table.name}")
    if metadata.num_rows != file.n_rows:
        texts.append(f"{file.path}: {file.n_rows:,} rows expected, {metadata.num_rows:,} found")
    return texts


def find_unfinished_files(paths: AtlasPaths, manifest: Manifest) -> list[str]:
    """Return files of added tables that the manifest does not name: a command that was stopped continues from them."""
    added = {table.name for table in ADDED_TABLES}
    return [path for path in _unlisted_files(paths, manifest) if path.partition("/")[0] in added]


def _unnamed_files(paths: AtlasPaths, manifest: Manifest) -> list[str]:
    """Return files of the build's tables that the manifest does not name."""
    added = {table.name for table in ADDED_TABLES}
    return [path for path in _unlisted_files(paths, manifest) if path.partition("/")[0] not in added]


def _unlisted_files(paths: AtlasPaths, manifest: Manifest) -> list[str]:
    listed = {file.path for file in manifest.files}
    folders = [paths.root / table.name for table in STORED_TABLES]
    parquet_files = {paths.relative(path) for folder in folders for path in folder.glob("*.parquet")}
    return sorted(parquet_files - listed)


def _file_problems(paths: AtlasPaths, manifest: Manifest, file: TableFile) -> list[str]:
    path = paths.root / file.path
    if not path.is_file():
        return [f"{file.path}: missing"]
    if path.stat().st_size != file.n_bytes:
        return [f"{file.path}: {file.n_bytes:,} bytes expected, {path.stat().st_size:,} found"]
    if (sha256 := file_sha256(path)) != file.sha256:
        return [f"{file.path}: sha256 {file.sha256} expected, {sha256} found"]

    try:
        tail = read_tail(path)
        metadata = pq.read_metadata(path)
    except (BrokenAtlasError, OSError, pa.ArrowException) as error:
        return [f"{file.path}: {str(error).splitlines()[-1].strip()}"]

    texts = find_metadata_problems(file, metadata, manifest)
    if (len(tail), hashlib.sha256(tail).hexdigest()) != (file.tail_bytes, file.tail_sha256):
        texts.append(f"{file.path}: its tail of {len(tail):,} bytes is not the one in the manifest")
    return texts
