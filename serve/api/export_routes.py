"""Exports: the list of formats, and files in them."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from attlas.queries.exports.catalogue import EXPORTS
from attlas.queries.exports.export import Export
from attlas.queries.text import cut, printable
from attlas.schema import QuestionError
from attlas.serve.answers import answer_json, answer_task
from attlas.serve.api.descriptions import file_responses, json_responses
from attlas.serve.api.parameters import refuse_unknown
from attlas.serve.api.protein_routes import find_match
from attlas.serve.problems import HttpProblem
from attlas.serve.service import Service
from attlas.serve.tasks import ExportTask

MEDIA_TYPES = {
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".csv": "text/csv; charset=utf-8",
    ".tsv": "text/tab-separated-values; charset=utf-8",
    ".parquet": "application/vnd.apache.parquet",
    ".arrow": "application/vnd.apache.arrow.file",
}
"""Media types by the end of a file's name; other texts are plain text, all else is bytes."""


def export_routes(service: Service) -> APIRouter:
    """Return the routes of exports."""
    router = APIRouter(tags=["exports"], dependencies=[Depends(refuse_unknown)])

    @router.get(
        "/exports",
        summary="List the export formats",
        responses=json_responses({"type": "array", "items": {"type": "object"}}),
    )
    def list_exports(request: Request) -> Response:
        """List the formats of `attlas export` that need no structure of yours."""
        edition = service.current.edition()
        return answer_json(request, edition, lambda: [describe_export(export) for export in served_exports()])

    @router.get(
        "/exports/{format}",
        summary="Export sites",
        responses=file_responses("The file, as `attlas export DIR FORMAT` writes it."),
    )
    def export(
        request: Request,
        format: Annotated[str, Path(description="Name of the format.", examples=["gff3"])],
        ids: Annotated[
            str | None, Query(description="Ids of proteins, separated by commas. Default: all.", examples=["P04637"])
        ] = None,
        layer: Annotated[int | None, Query(ge=0, le=9_999, description="Layer of the links, from 0.")] = None,
        head: Annotated[int | None, Query(ge=0, le=9_999, description="Head of this layer, from 0.")] = None,
        form: Annotated[
            str | None, Query(description="Of pairs: how they were joined. Default: all forms.", examples=["gap"])
        ] = None,
        safe_for_spreadsheets: Annotated[
            bool, Query(description="In CSV and TSV put an apostrophe before texts that spreadsheets would run.")
        ] = False,
    ) -> Response:
        """Return the sites in another tool's format. Notes on what it leaves out stand in the header `Attlas-Notes`."""
        export = find_export(format)
        proteins = None if ids is None else tuple(id.strip() for id in ids.split(",") if id.strip())
        if proteins is not None and not proteins:
            raise QuestionError("There is no id in `ids`.", expected="ids, separated by commas")

        # An id without an answer is told as it is of a single protein.
        atlas = service.current.edition().atlas
        if proteins and len(proteins) == 1:
            find_match(atlas, proteins[0])
        name = f"{proteins[0] if proteins and len(proteins) == 1 else 'atlas'}{export.suffix}"
        headers = {"Content-Type": media_type(export), "Content-Disposition": attachment(name)}
        task = ExportTask(export.name, proteins, layer, head, form, safe_for_spreadsheets)
        return answer_task(service, request, task, export.name, headers, timeout_s=service.limits.export_s)

    return router


def served_exports() -> list[Export]:
    """Return the formats that need no structure: a server reads no files of its users."""
    return [export for export in EXPORTS.values() if export.structure != "must"]


def find_export(name: str) -> Export:
    """Return a format.

    Raises:
        HttpProblem: 404, there is none of that name, or it needs a structure.
    """
    export = EXPORTS.get(name)
    if export is None:
        expected = ", ".join(export.name for export in served_exports())
        raise HttpProblem(404, QuestionError(f"There is no format {cut(printable(name), 80)}.", expected=expected))
    if export.structure == "must":
        hint = f"`attlas export DIR {name} ID --structure FILE` writes it on your machine"
        raise HttpProblem(
            404, QuestionError(f"{name} is written onto a structure, which this server does not take.", hint=hint)
        )
    return export


def describe_export(export: Export) -> dict[str, Any]:
    """Return the properties of a format, as plain JSON values."""
    return {
        "name": export.name,
        "suffix": export.suffix,
        "title": export.title,
        "is_of_one": export.is_of_one,
        "leaves_out": export.leaves_out,
        "takes_head": export.takes_head,
        "takes_form": export.takes_form,
        "is_for_spreadsheets": export.is_for_spreadsheets,
    }


def media_type(export: Export) -> str:
    """Return the media type of files of a format."""
    for suffix, kind in MEDIA_TYPES.items():
        if export.suffix.endswith(suffix):
            return kind
    return "text/plain; charset=utf-8" if export.is_text else "application/octet-stream"


def attachment(name: str) -> str:
    """Return the header Content-Disposition of a file, whose name holds only letters that are safe everywhere."""
    safe_name = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name).lstrip(".")
    return f'attachment; filename="{safe_name[-100:]}"'
