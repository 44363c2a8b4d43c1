"""Receipts and the manifest: what says that a shard is finished and that an atlas is whole."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from attlas.schema.errors import BrokenAtlasError
from attlas.schema.paths import AtlasPaths
from attlas.schema.publish import file_sha256, publish_bytes
from attlas.schema.run import Run
from attlas.schema.table import Table
from attlas.schema.tables import ADDED_TABLES, FORMAT_VERSION, OLDER_FORMATS, PROTEINS, TABLES

PROVENANCE_KEY = b"attlas"
"""Key of the provenance JSON in the metadata of every Parquet file."""


@dataclass(frozen=True)
class TableFile:
    """One Parquet file of an atlas."""

    table: str
    """Name of its table."""
    path: str
    """Path relative to the atlas, forward slashes."""
    n_rows: int
    n_bytes: int
    sha256: str
    first_sequence_id: int | None = None
    """Smallest `sequence_id` in the file; None for `proteins`. A lookup opens only the file that can hold it."""
    last_sequence_id: int | None = None


@dataclass(frozen=True)
class Counts:
    """The completeness contract: n_requested = n_ok + n_skipped + n_failed, counted in accessions."""

    n_records: int
    """Records in the input, repeats included."""
    n_requested: int
    """Distinct accessions."""
    n_ok: int
    n_skipped: int
    n_failed: int
    n_sequences: int
    """Distinct sequences among those computed or failed."""
    n_residues: int
    """Residues of the distinct sequences computed."""
    n_sites: int
    """HA sites of the distinct sequences computed."""


@dataclass(frozen=True)
class Receipt:
    """One shard finished: its files are published and these are their digests."""

    index: int
    """Number of the shard, from 1."""
    plan_id: str
    """Digest of the plan it belongs to."""
    files: tuple[TableFile, ...]
    n_sequences: int
    n_failed: int
    n_residues: int
    wall_s: float
    model_s: float
    """Seconds of `wall_s` inside the model's forward, reductions included."""
    peak_bytes: int
    """Largest resident memory of the process so far (CPU) or allocated on the device (CUDA)."""
    predicted_bytes: int
    """The bound the plan gave for it."""
    host: str

    def write(self, paths: AtlasPaths) -> None:
        """Publish the receipt of a build; from here on the shard is done."""
        self.write_to(paths.receipt(self.index))

    def write_to(self, path: Path) -> None:
        """Publish the receipt of another pass over the shard."""
        publish_bytes(path, _dump(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a receipt. Raises BrokenAtlasError if it cannot be read."""
        values = _load(path)
        try:
            values["files"] = tuple(TableFile(**file) for file in values["files"])
            return cls(**values)
        except (KeyError, TypeError) as error:
            raise _unreadable(path, repr(error)) from error


@dataclass(frozen=True)
class Manifest:
    """The atlas is whole: what it was computed from, how, and every file with its digest."""

    format_version: int
    atlas_id: str
    """Digest of the plan: the same input and run give the same id."""
    run: Run
    source: str
    """Name of the input file."""
    source_sha256: str
    """SHA-256 of the input as it was read."""
    counts: Counts
    files: tuple[TableFile, ...]
    created: str
    """When it was sealed, ISO 8601, UTC."""
    cost: dict[str, float]
    """What it took: summed seconds and largest bytes over the shards."""
    version: int = 1
    """Counts up with every table added to the sealed atlas, or replaced."""

    def digest_of(self, table: Table) -> str:
        """Return the digest of a table as it is now, over those of its files."""
        return digest(sorted(file.sha256 for file in self.of_table(table)))

    @property
    def added(self) -> tuple[TableFile, ...]:
        """The files of tables that were added after the atlas was sealed."""
        names = {table.name for table in ADDED_TABLES}
        return tuple(file for file in self.files if file.table in names)

    def of_table(self, table: Table) -> tuple[TableFile, ...]:
        """Return the files of one table, in order of `sequence_id`."""
        return tuple(file for file in self.files if file.table == table.name)

    def write(self, paths: AtlasPaths) -> None:
        """Publish the manifest; from here on the atlas is whole."""
        publish_bytes(paths.manifest, _dump(asdict(self)))

    @classmethod
    def read(cls, paths: AtlasPaths) -> Self:
        """Read the manifest of an atlas.

        Raises:
            BrokenAtlasError: there is none, it is of another format version, or cannot be read.
        """
        if not paths.manifest.is_file():
            raise _no_manifest(paths)
        try:
            data = paths.manifest.read_bytes()
        except OSError as error:
            raise _unreadable(paths.manifest, str(error)) from error
        return cls.parse(data, source=str(paths.root))

    @classmethod
    def parse(cls, data: bytes, *, source: str) -> Self:
        """Return the manifest in the bytes of a manifest.json; `source` says where they are from, for errors.

        Raises:
            BrokenAtlasError: it is of another format version, or cannot be read.
        """
        name = f"{source}/manifest.json"
        values = _parsed(data, name)
        version = values.get("format_version")
        if version != FORMAT_VERSION:
            raise BrokenAtlasError(
                f"{source} is of another atlas format.",
                expected=f"format version {FORMAT_VERSION}",
                found=f"format version {version}",
                hint=_other_format(version),
            )
        try:
            values["run"] = Run.from_json(values["run"])
            values["counts"] = Counts(**values["counts"])
            values["files"] = tuple(TableFile(**file) for file in values["files"])
            values.setdefault("version", 1)  # atlases sealed before tables could be added
            return cls(**{field.name: values[field.name] for field in fields(cls)})
        except (KeyError, TypeError) as error:
            raise _unreadable(name, repr(error)) from error


def provenance(run: Run, plan_id: str) -> dict[bytes, bytes]:
    """Return the metadata every Parquet file of an atlas carries: the run and the atlas id, and no time stamp."""
    values = {"atlas_id": plan_id, "run_id": run.run_id, **run.to_json()}
    values["determinism"] = "no random numbers are used; the same run on the same machine gives the same bytes"
    return {PROVENANCE_KEY: json.dumps(values, sort_keys=True).encode()}


def write_table(path: Path, *, table: Table, rows: pa.Table, metadata: dict[bytes, bytes]) -> None:
    """Write the rows of a table as Parquet at `path` (a path from `publishing`), with docs and provenance inside."""
    schema = rows.schema.with_metadata({**(rows.schema.metadata or {}), **metadata})
    pq.write_table(rows.cast(schema), path, row_group_size=table.row_group_rows, **parquet_options(schema))


def parquet_options(schema: pa.Schema) -> dict[str, Any]:
    """Return how the Parquet files of an atlas are written: compression, dictionaries, page index."""
    # A dictionary of floats is as large as the floats, and reading one row of it decodes the whole.
    words = [field.name for field in schema if not _holds_floats(field.type)]
    return {"compression": "zstd", "use_dictionary": words, "write_page_index": True}


def _holds_floats(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_fixed_size_list(kind))


def describe_file(paths: AtlasPaths, path: Path, table: Table) -> TableFile:
    """Return the manifest's entry for a published Parquet file of `table`, read from the file itself."""
    metadata = pq.read_metadata(path)
    first, last = _sequence_range(metadata) if table is not PROTEINS else (None, None)
    return TableFile(
        table=table.name,
        path=paths.relative(path),
        n_rows=metadata.num_rows,
        n_bytes=path.stat().st_size,
        sha256=file_sha256(path),
        first_sequence_id=first,
        last_sequence_id=last,
    )


def unfinished(paths: AtlasPaths, manifest: Manifest) -> list[str]:
    """Return files of added tables that no manifest names yet: what a probe, say, that was stopped goes on with."""
    listed = {file.path for file in manifest.files}
    folders = [paths.added(table, "any").parent for table in ADDED_TABLES]
    there = {paths.relative(path) for folder in folders for path in folder.glob("*.parquet")}
    return sorted(there - listed)


def problems(paths: AtlasPaths, manifest: Manifest) -> list[str]:
    """Return every way in which the directory differs from its manifest; empty when all is well.

    Checks that each file is there, of the size and SHA-256 noted, of its table's schema and number of rows, and
    that the counts keep the completeness contract.
    """
    found = [text for file in manifest.files for text in _file_problems(paths, manifest, file)]
    listed = {file.path for file in manifest.files}
    folders = [paths.root / table.name for table in TABLES]
    there = {paths.relative(path) for folder in folders for path in folder.glob("*.parquet")}
    unnamed = sorted(there - listed - set(unfinished(paths, manifest)))
    found += [f"{path}: not in the manifest; remove it" for path in unnamed]
    counts = manifest.counts
    if counts.n_requested != counts.n_ok + counts.n_skipped + counts.n_failed:
        found.append(f"counts: {counts.n_requested} requested, but ok + skipped + failed differ: {counts}")
    n_proteins = sum(file.n_rows for file in manifest.of_table(PROTEINS))
    if n_proteins != counts.n_requested:
        found.append(f"proteins: {counts.n_requested} rows expected, {n_proteins} found")
    return found


def _file_problems(paths: AtlasPaths, manifest: Manifest, file: TableFile) -> list[str]:
    path = paths.root / file.path
    if not path.is_file():
        return [f"{file.path}: missing"]
    if path.stat().st_size != file.n_bytes:
        return [f"{file.path}: {file.n_bytes:,} bytes expected, {path.stat().st_size:,} found"]
    if (digest := file_sha256(path)) != file.sha256:
        return [f"{file.path}: sha256 {file.sha256} expected, {digest} found"]
    table = next((table for table in TABLES if table.name == file.table), None)
    if table is None:
        return [f"{file.path}: no table named {file.table}"]
    metadata = pq.read_metadata(path)
    texts = []
    if not pq.read_schema(path).equals(table.schema(manifest.run.n_layers)):
        texts.append(f"{file.path}: its columns are not those of table {table.name}")
    if metadata.num_rows != file.n_rows:
        texts.append(f"{file.path}: {file.n_rows:,} rows expected, {metadata.num_rows:,} found")
    return texts


def _sequence_range(metadata: pq.FileMetaData) -> tuple[int | None, int | None]:
    names = [metadata.schema.column(i).path for i in range(len(metadata.schema))]
    column = names.index("sequence_id")
    groups = [metadata.row_group(i).column(column).statistics for i in range(metadata.num_row_groups)]
    ranges = [(group.min, group.max) for group in groups if group is not None and group.has_min_max]
    return (min(r[0] for r in ranges), max(r[1] for r in ranges)) if ranges else (None, None)


def digest(values: object) -> str:
    """Return 16 hexadecimal digits that identify plain JSON values."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:16]


def _dump(values: dict[str, Any]) -> bytes:
    return (json.dumps(values, indent=1) + "\n").encode()


def _load(path: Path) -> dict[str, Any]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, str(error)) from error
    return _parsed(data, path)


def _parsed(data: bytes, name: Path | str) -> dict[str, Any]:
    try:
        values = json.loads(data)
    except ValueError as error:
        raise _unreadable(name, str(error)) from error
    if not isinstance(values, dict):
        raise _unreadable(name, f"a JSON {type(values).__name__}, not an object")
    return values


def _other_format(version: object) -> str:
    """Return what to do with an atlas of another format version."""
    if isinstance(version, int) and version > FORMAT_VERSION:
        return "read it with a newer attlas release"
    release = OLDER_FORMATS.get(version) if isinstance(version, int) else None
    return f"build it again; it can be read by {release or 'the attlas release that wrote it'} only"


def _unreadable(name: Path | str, found: str) -> BrokenAtlasError:
    return BrokenAtlasError(
        f"{name} cannot be read.", found=found, hint="run `attlas verify` on the atlas, or build it again"
    )


def _no_manifest(paths: AtlasPaths) -> BrokenAtlasError:
    if not paths.root.exists():
        return BrokenAtlasError(f"There is no directory {paths.root}.", hint="check the path")
    if paths.plan.is_file():
        return BrokenAtlasError(
            f"{paths.root} is not whole yet: it has a plan but no manifest.",
            hint=f"see `attlas status {paths.root}`; run the same `attlas build` again to finish it",
        )
    return BrokenAtlasError(
        f"{paths.root} is no atlas.", expected="a file manifest.json", hint="build one with `attlas build`"
    )
