"""An atlas of an older format written anew in the format of today: the same numbers, the same atlas id.

Format 2 had half floats in `residues`, which become float32, and no index of names, which is written from `proteins`.
"""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from attlas.pipeline.indexes.writing import write_indexes
from attlas.schema import (
    TABLES,
    AtlasPaths,
    BrokenAtlasError,
    InputError,
    Manifest,
    TableFile,
)
from attlas.schema.errors import system_fault
from attlas.schema.file_list import FileList
from attlas.schema.json_file import read_json
from attlas.schema.leftovers import leftover_name, remove_leftovers
from attlas.schema.links import refuse_linked_folders
from attlas.schema.manifest import READ_FORMATS
from attlas.schema.parquet_file import PROVENANCE_KEY, describe_file, write_batches
from attlas.schema.publish import file_sha256, publishing
from attlas.schema.tables import UPGRADED_FORMATS

UNFINISHED_PREFIX = ".tmp-upgrade-"
BATCH_ROWS = 65_536


def upgrade(source: Path, out: Path) -> Manifest:
    """Write the atlas `source` of an older format as the folder `out`, in the format of today; return its manifest.

    `source` stays as it is. The new atlas is whole, as a release is: it is read, asked and published, but without the
    plan no table can be added that the model computes.

    Raises:
        InputError: `out` is there already, or `source` is of the format of today.
        BrokenAtlasError: `source` is of no format that can be upgraded, or a file is not as its manifest says.
        EnvironmentFault: a file cannot be written.
    """
    paths = AtlasPaths(source)
    if not paths.manifest.is_file():
        Manifest.read(paths)  # says what is there instead
    refuse_linked_folders(paths)
    if (version := read_json(paths.manifest).get("format_version")) in READ_FORMATS:
        raise InputError(f"{source} is of format {version} already: there is nothing to upgrade.")
    manifest = Manifest.parse(paths.manifest.read_bytes(), source=str(source), format_versions=UPGRADED_FORMATS)
    if out.exists():
        raise InputError(f"{out} is there already.", hint="give another folder, or remove it first")
    if out.resolve().is_relative_to(source.resolve()):
        raise InputError(f"{out} lies inside the atlas.", expected="a folder outside of it", hint="give another folder")

    remove_leftovers(out.absolute().parent, UNFINISHED_PREFIX)
    beside = out.absolute().with_name(leftover_name(UNFINISHED_PREFIX, out.name))
    try:
        beside.mkdir(parents=True)
        files = [_upgrade_file(source, AtlasPaths(beside), file, manifest) for file in manifest.files]
        all_files = FileList((*files, *_index_names(AtlasPaths(beside))))
        replace(manifest, files=all_files).write(AtlasPaths(beside))
        beside.rename(out)
    except OSError as error:
        raise system_fault(error, out) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return Manifest.read(AtlasPaths(out))


def _upgrade_file(source: Path, paths: AtlasPaths, file: TableFile, manifest: Manifest) -> TableFile:
    """Write a file of the older atlas in the types of today, after its digest was checked."""
    old_path, new_path = source / file.path, paths.root / file.path
    if not old_path.is_file() or file_sha256(old_path) != file.sha256:
        raise BrokenAtlasError(
            f"{old_path} is not as its manifest says.",
            expected=f"sha256 {file.sha256}",
            hint="copy the atlas again from where it is whole",
        )

    table = next(table for table in TABLES if table.name == file.table)
    schema = table.schema(manifest.run.n_layers)
    with pq.ParquetFile(old_path) as old, publishing(new_path) as beside:
        metadata = {key: value for key, value in (old.schema_arrow.metadata or {}).items() if key != b"doc"}
        write_batches(beside, table=table, schema=schema, batches=_cast(old, schema), metadata=metadata)
    return describe_file(paths, new_path, table)


def _cast(old: pq.ParquetFile, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield the rows of an old file in the columns of today; one that the old format has not is null throughout."""
    for batch in old.iter_batches(BATCH_ROWS):
        columns = [
            batch.column(field.name) if field.name in batch.schema.names else pa.nulls(batch.num_rows, field.type)
            for field in schema
        ]
        yield from pa.table(columns, names=schema.names).cast(schema).to_batches()


def _index_names(paths: AtlasPaths) -> list[TableFile]:
    metadata = pq.read_schema(paths.proteins).metadata or {}
    return write_indexes(paths, [paths.proteins], metadata={PROVENANCE_KEY: metadata[PROVENANCE_KEY]})
