"""Verify an atlas behind a URL: every file read from end to end and held against the manifest."""

import hashlib

import pyarrow as pa
import pyarrow.parquet as pq

from attlas.queries.lookup.remote import RemoteRoot
from attlas.schema import Fault, Manifest, TableFile
from attlas.schema.verify import find_count_problems, find_metadata_problems, find_repeated_files, read_lists


def remote_problems(root: RemoteRoot, manifest: Manifest) -> list[str]:
    """Return every way in which the files behind a URL differ from the manifest; empty when all is well.

    A file that cannot be read is one of them, and the others are read all the same.
    """
    texts: list[str] = []
    for files in read_lists(manifest, texts):
        texts += [text for file in files for text in _file_problems(root, manifest, file)]
    return texts + find_repeated_files(manifest) + find_count_problems(manifest)


def _file_problems(root: RemoteRoot, manifest: Manifest, file: TableFile) -> list[str]:
    sha256 = hashlib.sha256()
    tail = b""
    try:
        for piece in root.stream(file):
            sha256.update(piece)
            tail = (tail + piece)[-file.tail_bytes :]
    except Fault as fault:
        detail = f": {fault.found}" if fault.found else ""
        return [f"{file.path}: {fault.what}{detail}"]

    # The tail has a digest of its own, because lookups read it alone.
    if sha256.hexdigest() != file.sha256:
        return [f"{file.path}: sha256 {file.sha256} expected, {sha256.hexdigest()} found"]
    if hashlib.sha256(tail).hexdigest() != file.tail_sha256:
        return [f"{file.path}: its last {file.tail_bytes:,} bytes are not those noted"]

    try:
        return find_metadata_problems(file, pq.read_metadata(pa.BufferReader(tail)), manifest)
    except (OSError, pa.ArrowException) as error:
        return [f"{file.path}: {str(error).splitlines()[0]}"]
