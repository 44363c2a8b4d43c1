"""The parts of a shard on the disk: closed while the shard is computed, joined at its end, taken up after a kill.

A writer of Parquet that is killed leaves a file without a footer, of which nothing can be read. So the rows of a part
are written to Arrow files of their own, and its record, written last, says that it is closed. The parts of a shard, or
of a pass over it, lie in a folder that has the name of its receipt; the folder is removed once the receipt is there.

Several processes may compute the same shard at once. The names of a part's files are new each time, so that no process
writes over another's.
"""

import secrets
import shutil
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path

import pyarrow as pa

from attlas.schema import TABLES, AtlasPaths, BrokenAtlasError, Table
from attlas.schema.json_file import IllTypedError, from_json, json_bytes, read_json
from attlas.schema.publish import file_sha256, publish_bytes, publishing

_SHARD_PREFIX = "shard-"
"""Beginning of the names of the folders of a build's shards; those of passes begin with the names of the passes."""

COMPRESSION = "zstd"
"""Compression of the rows of a closed part; they are read once."""


@dataclass(frozen=True)
class PartFile:
    """The rows of one table in a closed part."""

    table: str
    name: str
    n_bytes: int
    sha256: str


@dataclass(frozen=True)
class PartRecord:
    """Says what a part holds and, on the disk, that it is closed."""

    plan_id: str
    """Digest of the plan; of a pass, its name."""
    first_sequence_id: int
    end_sequence_id: int
    """One past the last."""
    n_sequences: int
    """Sequences that ran through the model, those that failed included."""
    n_residues: int
    """Residues that were computed."""
    n_failed: int
    model_s: float
    """Seconds in the model."""
    wall_s: float
    """Seconds until its rows were made."""
    files: tuple[PartFile, ...] = ()
    """Its files, once it is closed."""


@dataclass(frozen=True)
class Part:
    """A part whose rows are in memory."""

    record: PartRecord
    rows: Mapping[Table, pa.Table]
    """The rows of each table, in the table's order."""


@dataclass(frozen=True)
class ComputedParts:
    """All parts of a shard, in order."""

    taken_up: Sequence[PartRecord]
    """Closed by an earlier process."""
    closed: Sequence[PartRecord]
    """Closed by this process."""
    last: Part
    """Not closed: its rows are in memory."""

    @property
    def records(self) -> list[PartRecord]:
        """The records of all parts."""
        return [*self.taken_up, *self.closed, self.last.record]

    def measure_wall_s(self, *, started: float) -> float:
        """Return the seconds of the shard so far; this process began it when `time.perf_counter()` was `started`."""
        return time.perf_counter() - started + sum(record.wall_s for record in self.taken_up)


@dataclass(frozen=True)
class PartFolder:
    """The folder of the closed parts of one shard, or of a pass over it."""

    path: Path
    plan_id: str
    """Digest of the plan; of a pass, its name."""

    def close(self, part: Part) -> PartRecord:
        """Write the rows of a part and then its record, which is returned.

        Raises:
            EnvironmentFault: a file cannot be written.
        """
        # Digits enough that names sort as sequences do.
        stem = f"{part.record.first_sequence_id:010d}-{part.record.end_sequence_id:010d}-{secrets.token_hex(8)}"
        files = [self._write(table, rows, f"{stem}-{table.name}.arrow") for table, rows in part.rows.items()]

        record = replace(part.record, files=tuple(files))
        publish_bytes(self.path / f"{stem}.json", json_bytes(asdict(record)))
        return record

    def read_chain(self, begin: int, *, ends: Collection[int]) -> list[PartRecord]:
        """Return intact closed parts that follow one another from sequence `begin` on, as far as there are any.

        Args:
            begin: the `sequence_id` at which the parts begin.
            ends: where a part may end, one past its last sequence: a part that ends elsewhere was cut for another
                device, on which other sequences would share a pack.
        """
        records: dict[int, list[PartRecord]] = {}
        for record in _read_records(self.path).values():
            if record.plan_id == self.plan_id and record.end_sequence_id in ends:
                records.setdefault(record.first_sequence_id, []).append(record)

        parts: list[PartRecord] = []
        while candidates := sorted(records.pop(begin, []), key=lambda record: -record.end_sequence_id):
            intact = next((record for record in candidates if self._is_intact(record)), None)
            if intact is None:
                break
            parts.append(intact)
            begin = intact.end_sequence_id
        return parts

    @contextmanager
    def open_rows(self, parts: ComputedParts, table: Table) -> Iterator[Iterator[pa.RecordBatch]]:
        """Yield the rows of a table in all parts, in batches; the files are open before the first one is read.

        Raises:
            FileNotFoundError: a file is gone, because another process has finished the shard.
        """
        names = [file.name for record in parts.records for file in record.files if file.table == table.name]
        with ExitStack() as stack:
            handles = [stack.enter_context(pa.OSFile(str(self.path / name))) for name in names]
            yield chain(chain.from_iterable(map(_read_batches, handles)), parts.last.rows[table].to_batches())

    def read(self, record: PartRecord) -> Part:
        """Return a closed part with its rows in memory.

        Raises:
            FileNotFoundError: a file is gone, because another process has finished the shard.
        """
        tables = {table.name: table for table in TABLES}
        rows = {}
        for file in record.files:
            with pa.OSFile(str(self.path / file.name)) as handle:
                rows[tables[file.table]] = pa.ipc.open_file(handle).read_all()
        return Part(record, rows)

    def remove(self) -> None:
        """Remove the parts, and the folder of all shards' parts with the last of them."""
        shutil.rmtree(self.path, ignore_errors=True)
        with suppress(OSError):  # parts of other shards are in it
            self.path.parent.rmdir()

    def _write(self, table: Table, rows: pa.Table, name: str) -> PartFile:
        with publishing(self.path / name) as beside:
            options = pa.ipc.IpcWriteOptions(compression=COMPRESSION)
            with pa.OSFile(str(beside), "wb") as sink, pa.ipc.new_file(sink, rows.schema, options=options) as writer:
                # A batch is what is in memory of a part when it is joined.
                writer.write_table(rows, max_chunksize=table.row_group_rows)
        path = self.path / name
        return PartFile(table=table.name, name=name, n_bytes=path.stat().st_size, sha256=file_sha256(path))

    def _is_intact(self, record: PartRecord) -> bool:
        """Return whether the files of a record are there with their sizes and digests."""
        with suppress(OSError):
            return all(
                Path(file.name).name == file.name
                and (self.path / file.name).stat().st_size == file.n_bytes
                and file_sha256(self.path / file.name) == file.sha256
                for file in record.files
            )
        return False


def keep_table(parts: ComputedParts, table: Table, *, source: PartFolder, target: PartFolder) -> None:
    """Close the rows of one table in another folder, part by part.

    Nothing is kept where a part lacks the table, or where another process has finished the shard and removed the parts.
    """
    earlier = [*parts.taken_up, *parts.closed]
    if not all(table.name in {file.table for file in record.files} for record in earlier):
        return

    with suppress(FileNotFoundError):
        for part in chain(map(source.read, earlier), [parts.last]):
            record = replace(
                part.record,
                plan_id=target.plan_id,
                n_sequences=part.record.n_sequences - part.record.n_failed,
                n_failed=0,
                model_s=0.0,  # it is the shard's own
                wall_s=0.0,
                files=(),
            )
            target.close(Part(record, {table: part.rows[table]}))


def find_part_folder(paths: AtlasPaths, receipt: Path, plan_id: str) -> PartFolder:
    """Return the folder of the parts that become the files of a receipt; `plan_id` is the receipt's."""
    return PartFolder(paths.parts / receipt.stem, plan_id)


def find_kept_vectors(paths: AtlasPaths, name: str, index: int) -> PartFolder:
    """Return the folder in which a build keeps the vectors of shard `index`; `name` is that of their settings."""
    return PartFolder(paths.parts / f"{name}-{index:05d}", name)


def compute_parts(
    folder: PartFolder,
    *,
    begin: int,
    ends: Collection[int],
    compute: Callable[[int], Part],
    confirm_device: Callable[[], None],
) -> ComputedParts:
    """Compute a shard part by part; intact parts that an earlier process has closed are taken up.

    Args:
        folder: where parts are closed.
        begin: the `sequence_id` at which the shard begins.
        ends: where a part may end, one past its last sequence; the largest is the shard's end.
        compute: takes the `sequence_id` at which a part begins, and computes it.
        confirm_device: raises `DeviceFault` unless the device works; no part is closed without it.

    Raises:
        DeviceFault: the device does not work; the part that it computed is not kept.
        EnvironmentFault: a file cannot be written.
    """
    end = max(ends)
    taken_up = folder.read_chain(begin, ends=set(ends) - {end})
    closed: list[PartRecord] = []
    part = compute(taken_up[-1].end_sequence_id if taken_up else begin)

    while part.record.end_sequence_id != end:
        confirm_device()
        closed.append(folder.close(part))
        part = compute(closed[-1].end_sequence_id)
    return ComputedParts(taken_up, closed, part)


def remove_finished_parts(paths: AtlasPaths) -> None:
    """Remove the parts of shards that have a receipt: their processes were killed before they could."""
    for folder in _list_folders(paths):
        if (paths.receipts / f"{folder.name}.json").is_file():
            PartFolder(folder, "").remove()


def remove_failed_parts(paths: AtlasPaths) -> None:
    """Remove the records of a build's parts with failed sequences, so that these are computed again."""
    for folder in _list_folders(paths):
        if folder.name.startswith(_SHARD_PREFIX):
            for path, record in _read_records(folder).items():
                if record.n_failed:
                    path.unlink(missing_ok=True)


def remove_parts(paths: AtlasPaths, prefix: str) -> None:
    """Remove the parts of passes whose names begin with `prefix`."""
    for folder in _list_folders(paths):
        if folder.name.startswith(prefix):
            PartFolder(folder, "").remove()


def count_closed_sequences(paths: AtlasPaths) -> int:
    """Return the sequences of unfinished shards of a build that are in closed parts, by the names of the parts."""
    folders = [folder for folder in _list_folders(paths) if folder.name.startswith(_SHARD_PREFIX)]
    return sum(_count_sequences(folder) for folder in folders if not (paths.receipts / f"{folder.name}.json").is_file())


def _count_sequences(folder: Path) -> int:
    """Return the sequences from the beginning of a shard to the end of the last part that follows without a gap."""
    ranges = sorted({tuple(map(int, path.stem.split("-")[:2])) for path in folder.glob("*-*-*.json")})
    begin = end = ranges[0][0] if ranges else 0
    for part_begin, part_end in ranges:
        if part_begin <= end:
            end = max(end, part_end)
    return end - begin


def _read_records(folder: Path) -> dict[Path, PartRecord]:
    """Return the records of closed parts that can be read, by their path."""
    records = {}
    for path in sorted(folder.glob("*.json")):
        with suppress(BrokenAtlasError, IllTypedError):
            records[path] = from_json(PartRecord, read_json(path))
    return records


def _list_folders(paths: AtlasPaths) -> Iterable[Path]:
    return list(paths.parts.iterdir()) if paths.parts.is_dir() else []


def _read_batches(handle: pa.NativeFile) -> Iterator[pa.RecordBatch]:
    reader = pa.ipc.open_file(handle)
    for i in range(reader.num_record_batches):
        yield reader.get_batch(i)
