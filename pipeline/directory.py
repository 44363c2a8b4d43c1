"""The plan of an atlas directory: written, read, and checked when it is read."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from attlas.pipeline.plan import Plan
from attlas.pipeline.planned_sequences import write_sequences
from attlas.pipeline.proteins.arranging import ArrangedProteins
from attlas.pipeline.proteins.checksums import format_crc64, format_hexadecimal
from attlas.pipeline.proteins.ordering import view_bytes
from attlas.pipeline.stored_shards import StoredShards, write_shards
from attlas.schema import FORMAT_VERSION, PROTEINS, AtlasPaths, BrokenAtlasError, PlanError
from attlas.schema.json_file import load_json
from attlas.schema.links import refuse_linked_folders, refuse_pipes
from attlas.schema.parquet_file import write_batches
from attlas.schema.publish import publish_bytes, publishing

OUTCOME_COLUMNS = ("layer", "n_sites", "sites_note")
"""Columns of `proteins` that are known only when the sequences were computed."""


def write_plan(paths: AtlasPaths, plan: Plan, proteins: ArrangedProteins) -> None:
    """Publish the planned proteins, their sequences and the shards, then the plan."""
    for leftover in paths.planned_proteins.parent.glob("sequences-*.parquet"):  # of a plan that was not finished
        leftover.unlink()
    with publishing(paths.planned_proteins) as beside:
        write_batches(
            beside,
            table=PROTEINS,
            schema=planned_schema(),
            batches=list_planned(proteins),
            metadata={},
            has_page_checksums=True,
        )

    digests = write_sequences(paths, proteins.sequences(), plan.shards)
    write_shards(paths.shards, plan.shards, digests)
    write_plan_file(paths, plan)


def write_plan_file(paths: AtlasPaths, plan: Plan) -> None:
    """Publish the plan alone: the proteins and shards that it is about are there."""
    values = {"format_version": FORMAT_VERSION, **plan.to_json()}
    publish_bytes(paths.plan, (json.dumps(values, indent=1) + "\n").encode())


def planned_schema() -> pa.Schema:
    """Return the columns of the planned proteins: those of `proteins` without the outcome."""
    return pa.schema([column.field(1) for column in PROTEINS.stored() if column.name not in OUTCOME_COLUMNS])


def _refuse_other_format(paths: AtlasPaths, values: dict[str, Any]) -> None:
    """Refuse a plan of another release, whose values are not those of today. Raises PlanError, or KeyError."""
    if values["format_version"] != FORMAT_VERSION:
        raise PlanError(
            f"The plan in {paths.root} has another format.",
            expected=f"format version {FORMAT_VERSION}",
            found=f"format version {values['format_version']}",
            hint="use the attlas release that wrote it, or build into a new directory",
        )

    if "shards" in values:
        raise PlanError(
            f"The plan in {paths.root} was made by an earlier version of attlas.",
            expected=f"the shards in {paths.shards.name}",
            found=f"the shards in {paths.plan.name}",
            hint="finish it with the attlas release that began it, or build into a new directory",
        )


def read_plan(paths: AtlasPaths) -> Plan:
    """Read the plan of a directory.

    Raises:
        PlanError: there is no plan, or it has another format version.
        BrokenAtlasError: it cannot be read, or does not match its digest; or folders of the directory are links.
    """
    if not paths.plan.is_file():
        raise PlanError(f"{paths.root} holds no plan.", hint="make one with `attlas plan` or `attlas build`")
    refuse_linked_folders(paths)
    refuse_pipes(paths.planned_proteins.parent)

    try:
        values = load_json(paths.plan.read_bytes())
        _refuse_other_format(paths, values)
        del values["format_version"]
        plan_id = values["plan_id"]
        plan = Plan.from_json(values)
        plan = replace(plan, shards=StoredShards(paths.shards, plan.totals))
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


def list_planned(proteins: ArrangedProteins) -> Iterator[pa.RecordBatch]:
    """Yield the rows of the planned proteins, in order of accession."""
    schema = planned_schema()
    for rows in proteins.proteins():
        columns = {name: rows[name] for name in rows.column_names}
        columns["md5"] = format_hexadecimal(view_bytes(rows["md5"]))
        columns["crc64"] = format_crc64(rows["crc64"].to_numpy())
        columns["status"] = pc.if_else(pc.is_null(rows["reason"]), "planned", "skipped")
        yield from pa.table([columns[name] for name in schema.names], schema=schema).to_batches()
