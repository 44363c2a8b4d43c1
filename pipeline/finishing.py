"""The end of a shard, of a build or of a pass: its parts are joined to the published files, then comes the receipt."""

import resource
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from attlas.pipeline.encoder.device_check import while_device_works
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.plan import Shard
from attlas.pipeline.shard_parts import ComputedParts, PartFolder, PartRecord
from attlas.schema import AtlasPaths, EnvironmentFault, Receipt, Table, TableFile
from attlas.schema.parquet_file import describe_file, write_batches
from attlas.schema.publish import publishing


@dataclass(frozen=True)
class Output:
    """The path and the metadata with which the rows of a table are published."""

    path: Path
    metadata: dict[bytes, bytes]


def finish_shard(
    paths: AtlasPaths,
    shard: Shard,
    parts: ComputedParts,
    encoder: Encoder,
    *,
    folder: PartFolder,
    receipt_path: Path,
    output: Callable[[Table], Output],
    started: float,
    tables: Sequence[Table] | None = None,
) -> Receipt:
    """Publish the files of a shard and its receipt, remove its parts, and return the receipt.

    Where another process has finished the shard meanwhile and removed the parts, its receipt is returned.

    Args:
        paths: the atlas.
        shard: the shard.
        parts: all of its parts.
        encoder: the model that computed them.
        folder: where the closed parts are.
        receipt_path: where the receipt is published.
        output: tells of each table where its rows are published.
        started: time of `time.perf_counter` at which this process began the shard.
        tables: the tables that are published; None: all of which the parts have rows.

    Raises:
        DeviceFault: the device has failed meanwhile, under another shard; no receipt is published.
        EnvironmentFault: a file cannot be written, or closed parts are gone.
    """
    try:
        files = [publish_table(paths, parts, table, folder, output(table)) for table in tables or parts.last.rows]
    except FileNotFoundError as error:
        if receipt_path.is_file():
            folder.remove()
            return Receipt.read(receipt_path)
        raise EnvironmentFault(
            f"Parts of shard {shard.index} were removed while it was computed.",
            found=str(error),
            hint="run the same command again: it computes that shard",
        ) from error

    wall_s = parts.measure_wall_s(started=started)
    device = encoder.device.type
    receipt = make_receipt(shard, parts.records, files, plan_id=folder.plan_id, wall_s=wall_s, device=device)
    with while_device_works(encoder):  # it may have failed meanwhile, under another shard
        receipt.write_to(receipt_path)
    folder.remove()
    return receipt


def measure_peak_bytes(device: str) -> int:
    """Return the largest memory used so far: resident bytes of this process on a CPU, allocated bytes on a GPU."""
    if device == "cuda":
        import torch

        return int(torch.cuda.max_memory_allocated())
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage counts KiB on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def publish_table(
    paths: AtlasPaths, parts: ComputedParts, table: Table, folder: PartFolder, output: Output
) -> TableFile:
    """Join the rows of a table to one file, a row group at a time, and return its entry."""
    schema = parts.last.rows[table].schema
    with folder.open_rows(parts, table) as batches, publishing(output.path) as beside:
        write_batches(beside, table=table, schema=schema, batches=batches, metadata=output.metadata)
    return describe_file(paths, output.path, table)


def make_receipt(
    shard: Shard,
    records: Sequence[PartRecord],
    files: Sequence[TableFile],
    *,
    plan_id: str,
    wall_s: float,
    device: str,
) -> Receipt:
    """Return the receipt of a shard, whose parts have these records, and of its published files."""
    return Receipt(
        index=shard.index,
        plan_id=plan_id,
        files=tuple(files),
        n_sequences=sum(record.n_sequences for record in records),
        n_failed=sum(record.n_failed for record in records),
        n_residues=sum(record.n_residues for record in records),
        wall_s=round(wall_s, 3),
        model_s=round(sum(record.model_s for record in records), 3),
        peak_bytes=measure_peak_bytes(device),
        predicted_bytes=shard.predicted_bytes,
        host=socket.gethostname(),
    )
