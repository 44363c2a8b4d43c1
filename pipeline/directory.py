"""The plan of an atlas directory: written, read, and checked when it is read."""

import json

import pyarrow as pa

from attlas.pipeline.plan import Plan, order_sequences
from attlas.pipeline.proteins.checksums import compute_crc64
from attlas.pipeline.proteins.proteome import Protein
from attlas.schema import (
    FORMAT_VERSION,
    PROTEINS,
    AtlasPaths,
    BrokenAtlasError,
    PlanError,
)
from attlas.schema.parquet_file import provenance, write_table
from attlas.schema.publish import publish_bytes, publishing


def write_plan(paths: AtlasPaths, plan: Plan, proteins: tuple[Protein, ...]) -> None:
    """Publish the planned proteins, then the plan."""
    sequence_ids = {sequence: i for i, sequence in enumerate(order_sequences(proteins))}

    # In order of sequence_id, so that a shard reads its own row groups only.
    numbered = [(sequence_ids[protein.sequence] if protein.reason is None else None, protein) for protein in proteins]
    numbered.sort(key=lambda row: (row[0] is None, row[0], row[1].accession))
    checksums = compute_crc64([protein.sequence for _, protein in numbered])
    rows = pa.Table.from_pylist(
        [_protein_row(i, protein, crc64) for (i, protein), crc64 in zip(numbered, checksums, strict=True)],
        PROTEINS.schema(plan.run.n_layers),
    )

    with publishing(paths.planned_proteins) as beside:
        write_table(beside, table=PROTEINS, rows=rows, metadata=provenance(plan.run, plan.plan_id))
    values = {"format_version": FORMAT_VERSION, **plan.to_json()}
    publish_bytes(paths.plan, (json.dumps(values, indent=1) + "\n").encode())


def read_plan(paths: AtlasPaths) -> Plan:
    """Read the plan of a directory.

    Raises:
        PlanError: there is no plan, or it has another format version.
        BrokenAtlasError: it cannot be read, or does not match its digest.
    """
    if not paths.plan.is_file():
        raise PlanError(f"{paths.root} holds no plan.", hint="make one with `attlas plan` or `attlas build`")

    try:
        values = json.loads(paths.plan.read_text())
        version = values.pop("format_version")
        if version != FORMAT_VERSION:
            raise PlanError(
                f"The plan in {paths.root} has another format.",
                expected=f"format version {FORMAT_VERSION}",
                found=f"format version {version}",
                hint="use the attlas release that wrote it, or build into a new directory",
            )
        plan_id = values["plan_id"]
        plan = Plan.from_json(values)
        _check_shards(plan)
    except PlanError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BrokenAtlasError(
            f"{paths.plan} cannot be read.", found=f"{error!r}"[:300], hint="build into a new directory"
        ) from error

    if plan.plan_id != plan_id:
        raise BrokenAtlasError(
            f"{paths.plan} was changed after it was written.",
            expected=f"plan {plan_id}",
            found=f"plan {plan.plan_id}",
            hint="build into a new directory",
        )
    return plan


def _check_shards(plan: Plan) -> None:
    """Raise ValueError unless the shards are numbered from 1 and follow one another in `sequence_id`."""
    if not plan.shards:
        return
    if [shard.index for shard in plan.shards] != list(range(1, len(plan.shards) + 1)):
        raise ValueError("its shards are not numbered 1, 2, ...")
    ends = [0, *(shard.end_sequence_id for shard in plan.shards)]
    if [shard.first_sequence_id for shard in plan.shards] != ends[:-1] or sorted(set(ends)) != ends:
        raise ValueError("its shards do not follow one another")


def _protein_row(sequence_id: int | None, protein: Protein, crc64: str) -> dict[str, object]:
    return {
        "accession": protein.accession,
        "entry_name": protein.entry_name,
        "gene": protein.gene,
        "organism": protein.organism,
        "taxon_id": protein.taxon_id,
        "sequence_version": protein.sequence_version,
        "description": protein.description,
        "sequence": protein.sequence,
        "length": protein.length,
        "md5": protein.md5,
        "crc64": crc64,
        "n_nonstandard": protein.n_nonstandard,
        "n_records": protein.n_records,
        "line": protein.line,
        "sequence_id": sequence_id,
        "status": "planned" if protein.reason is None else "skipped",
        "reason": protein.reason,
    }
