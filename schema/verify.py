"""Compare the directory of an atlas with its manifest: every file by its digest, every count."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from attlas.schema.blocks import read_tail
from attlas.schema.errors import BrokenAtlasError, Fault
from attlas.schema.json_file import digest
from attlas.schema.list_part_files import find_part_files
from attlas.schema.manifest import Manifest
from attlas.schema.paths import AtlasPaths
from attlas.schema.publish import file_sha256
from attlas.schema.table_file import TableFile
from attlas.schema.tables import ADDED_TABLES, NAMES, PROTEINS, STORED_TABLES

MOST_THREADS = 16
"""Files that are read at once; more than a disk gives."""

_ADDED_NAMES = frozenset(table.name for table in ADDED_TABLES)


def find_problems(paths: AtlasPaths, manifest: Manifest) -> list[str]:
    """Return a sentence for every difference between a directory and its manifest; none for an atlas that is whole.

    Every file must exist, with the size, the SHA-256, the schema and the number of rows of its entry; the counts must
    keep the completeness contract. One list part is in memory at a time.
    """
    texts: list[str] = []
    # Nearly all of it is hashing, which lets other threads work meanwhile.
    with ThreadPoolExecutor(min(os.cpu_count() or 1, MOST_THREADS)) as threads:
        for files in read_lists(manifest, texts):
            problems = threads.map(lambda file: _file_problems(paths, manifest, file), files)
            texts += [text for file_texts in problems for text in file_texts]

    texts += find_repeated_files(manifest)
    texts += [f"{path}: not in the manifest; remove it" for path in _unnamed_files(paths, manifest)]
    return texts + find_count_problems(manifest)


def read_lists(manifest: Manifest, problems: list[str]) -> Iterator[Sequence[TableFile]]:
    """Yield the files that a manifest lists, part by part; a part that cannot be read adds a sentence to `problems`."""
    yield manifest.files.listed
    for part in manifest.files.parts:
        try:
            yield manifest.files.files_of(part)
        except Fault as fault:
            detail = f" {fault.expected} expected, {fault.found} found" if fault.expected else f" {fault.found}"
            problems.append(f"{part.path}: {fault.what}{detail}")


def find_repeated_files(manifest: Manifest) -> list[str]:
    """Return a sentence for every file that list parts name twice, and every table with another digest than its files.

    What `manifest.json` and each part say alone is checked when they are read.
    """
    texts: list[str] = []
    for name, noted_digest in manifest.files.digests.items():
        n_entries: Counter[str] = Counter()
        sha256s: list[str] = []
        unreadable: list[str] = []
        for files in read_lists(replace(manifest, files=manifest.files.of_tables([name])), unreadable):
            n_entries.update(file.path for file in files)
            sha256s += [file.sha256 for file in files]
        texts += [f"{path}: in the manifest {n} times" for path, n in n_entries.items() if n > 1]
        if not unreadable and digest(sorted(sha256s)) != noted_digest:
            texts.append(f"{name}: its digest in the manifest is not that of its files")
    return texts


def find_count_problems(manifest: Manifest) -> list[str]:
    """Return a sentence for every count of a manifest that breaks the completeness contract."""
    texts = []
    counts = manifest.counts
    if counts.n_requested != counts.n_ok + counts.n_skipped + counts.n_failed:
        texts.append(f"counts: {counts.n_requested} requested, but ok + skipped + failed differ: {counts}")
    n_proteins = manifest.of_table(PROTEINS).n_rows
    if n_proteins != counts.n_requested:
        texts.append(f"proteins: {counts.n_requested} rows expected, {n_proteins} found")
    if not manifest.of_table(NAMES):
        texts.append("names: the manifest names no file of this index, without which no protein is found by its name")
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
    """Return files of added tables, and list parts, that the manifest does not name: a stopped command left them.

    The same command continues from the files of its tables.
    """
    files = [path for path in _unlisted_files(paths, manifest) if _is_unfinished(paths, path)]
    named_parts = {part.path for part in manifest.files.parts}
    return files + sorted({paths.relative(path) for path in find_part_files(paths)} - named_parts)


def _unnamed_files(paths: AtlasPaths, manifest: Manifest) -> list[str]:
    """Return files that the manifest does not name: of the build's tables, and what no command of attlas leaves."""
    return [path for path in _unlisted_files(paths, manifest) if not _is_unfinished(paths, path)]


def _is_unfinished(paths: AtlasPaths, path: str) -> bool:
    """Return whether a file is one that a stopped command left in the folder of an added table."""
    return path.partition("/")[0] in _ADDED_NAMES and not _is_strange(paths.root / path)


def _unlisted_files(paths: AtlasPaths, manifest: Manifest) -> list[str]:
    """Return the paths in the folders of tables that are in no list: Parquet files, links, pipes and devices.

    Other files and folders are nobody's business: nothing reads them.
    """
    unlisted: list[str] = []
    for table in STORED_TABLES:
        unreadable: list[str] = []
        lists = read_lists(replace(manifest, files=manifest.of_table(table)), unreadable)
        listed = {file.path for files in lists for file in files}
        if not unreadable:  # else any file may be one of those
            entries = (paths.root / table.name).glob("*")
            table_paths = [path for path in entries if path.suffix == ".parquet" or _is_strange(path)]
            unlisted += {paths.relative(path) for path in table_paths} - listed
    return sorted(unlisted)


def _is_strange(path: Path) -> bool:
    """Return whether a path is what no table has: a link to other than a Parquet file, a pipe, a socket, a device."""
    if path.is_symlink():
        return path.suffix != ".parquet"
    return not path.is_file() and not path.is_dir()


def _file_problems(paths: AtlasPaths, manifest: Manifest, file: TableFile) -> list[str]:
    try:
        return _compare_file(paths, manifest, file)
    except OSError as error:  # of a file that this user may not read, or a disk that fails
        return [f"{file.path}: cannot be read: {error.strerror or error}"]


def _compare_file(paths: AtlasPaths, manifest: Manifest, file: TableFile) -> list[str]:
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
