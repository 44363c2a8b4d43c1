"""Proteins: one with all that is stored of it, its tables, the list, and many at once."""

from dataclasses import dataclass
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from attlas.queries import Atlas
from attlas.queries.answers.added_rows import read_added_rows
from attlas.queries.answers.many_ids import lookup
from attlas.queries.answers.one_id import Answer, answer_match, count_links, parse_layers
from attlas.queries.exports.link_rows import refuse_unknown_head
from attlas.queries.formats import dump_json, json_rows
from attlas.queries.lookup.identifiers import Match
from attlas.queries.page.protein_data import complete_data, read_heading
from attlas.queries.provenance import provenance_values
from attlas.queries.store import lacks_table, not_computed
from attlas.queries.text import counted
from attlas.schema import ADDED_TABLES, HEADS, LINKS, RESIDUES, SITES, QuestionError, Table
from attlas.serve.answers import answer_json, answer_rows, write_rows
from attlas.serve.api.descriptions import (
    BODY_PROBLEMS,
    LOOKUP_SCHEMA,
    PROBLEMS,
    answer_schema,
    json_responses,
    page_schema,
    rows_responses,
    table_schema,
)
from attlas.serve.api.listing import list_answers, list_page, next_url
from attlas.serve.api.parameters import FormatQuery, Id, Limit, clean_text, refuse_unknown, require_json
from attlas.serve.current_atlas import Edition
from attlas.serve.formats import choose_format, content_type
from attlas.serve.problems import HttpProblem
from attlas.serve.service import Service

PROTEIN_TABLES: tuple[Table, ...] = (
    SITES,
    RESIDUES,
    HEADS,
    *(table for table in ADDED_TABLES if table.sort[0] == "sequence_id"),
)
"""The tables in which the rows of a protein stand together."""


class Batch(BaseModel):
    """Many ids at once."""

    model_config = ConfigDict(extra="forbid", strict=True)

    ids: list[str] = Field(description="Ids in any form; one that is repeated is answered once.", min_length=1)
    taxon: int | str | None = Field(None, description="Whose gene a gene name means: NCBI taxon id, or organism.")


def protein_routes(service: Service) -> APIRouter:
    """Return the routes of proteins."""
    router = APIRouter(tags=["proteins"], dependencies=[Depends(refuse_unknown)])
    _add_list(router, service)
    _add_lookup(router, service)

    # Ids may hold slashes: the route of a protein takes every address below, so it comes last.
    for table in PROTEIN_TABLES:
        if table is LINKS:
            _add_links_route(router, service)
        else:
            _add_table_route(router, service, table)
    _add_page_data(router, service)
    _add_protein(router, service)
    return router


def _add_list(router: APIRouter, service: Service) -> None:
    """Add the route that lists or searches proteins."""
    limits = service.limits

    @router.get("/proteins", summary="List or search proteins", responses=rows_responses(page_schema()))
    def proteins(
        request: Request,
        q: Annotated[
            str | None, Query(description="Words of a name, gene or organism, any identifier, or a PDB id.")
        ] = None,
        offset: Annotated[int, Query(ge=0, le=2**31 - 1, description="Proteins to pass over.")] = 0,
        limit: Annotated[int, Query(ge=1, le=limits.page_rows, description="Proteins of a page.")] = 100,
        format: FormatQuery = None,
    ) -> Response:
        """List the proteins by accession, or those that `q` may mean, the likeliest first.

        In JSON `total` counts all of them and `next` is the address of the next page; in other formats the header
        `Link` has it. Where very many fit, `total` counts the likeliest, which are listed, and `notes`, or the header
        `Attlas-Notes`, says so.
        """
        edition = service.current.edition()
        file_format = choose_format(format, request.headers.get("accept"))
        page = list_page(edition.atlas, q, offset, limit)
        next_page = next_url(request, offset + limit) if offset + limit < page.total else None

        if file_format == "json":
            values = {
                "total": page.total,
                "offset": offset,
                "next": next_page,
                "notes": list(page.notes),
                "proteins": list(json_rows(page.rows.to_reader())),
            }
            response = answer_json(request, edition, lambda: values)
        else:
            response = answer_rows(request, edition, file_format, lambda: page.rows, find_notes=lambda: page.notes)
        response.headers["Attlas-Total"] = str(page.total)
        if next_page:
            response.headers["Link"] = f'<{next_page}>; rel="next"'
        return response


def _add_lookup(router: APIRouter, service: Service) -> None:
    """Add the route that looks many ids up at once."""
    limits = service.limits

    @router.post(
        "/lookup",
        summary="Look up many ids",
        dependencies=[Depends(require_json)],
        responses={**rows_responses(LOOKUP_SCHEMA, has_etag=False), **BODY_PROBLEMS},
    )
    def look_up(request: Request, batch: Batch, format: FormatQuery = None) -> Response:
        """Return the sites of many proteins; each id has its own `status`, as if it had been asked for alone.

        In JSON an answer for each id; in other formats the table of `attlas show --ids`, a row for each site, and one
        for each id without sites.
        """
        if len(batch.ids) > limits.batch_ids:
            what = f"This batch has {counted(len(batch.ids), 'id')}."
            raise HttpProblem(
                413, QuestionError(what, expected=f"at most {limits.batch_ids:,} ids", hint="ask in parts")
            )

        file_format = choose_format(format, request.headers.get("accept"))
        atlas = service.current.edition().atlas
        taxon = clean_text(batch.taxon) if isinstance(batch.taxon, str) else batch.taxon
        rows = lookup(atlas, list(map(clean_text, batch.ids)), taxon=taxon)

        headers = {"Cache-Control": "no-store", "Content-Type": content_type(file_format)}
        if file_format != "json":
            return Response(write_rows(rows, file_format), headers=headers)
        answer = {"answers": list_answers(rows), "provenance": provenance_values(atlas.manifest)}
        return Response(dump_json(answer) + b"\n", headers=headers)


def _add_page_data(router: APIRouter, service: Service) -> None:
    """Add the route of what the page of a protein shows."""

    @router.get(
        "/proteins/{id:path}/page",
        summary="What the page of a protein shows",
        responses={**json_responses({"type": "object"}), 404: PROBLEMS[404], 409: PROBLEMS[409]},
    )
    def page_data(request: Request, id: Id) -> Response:
        """Return all that the page of a protein draws, in one object; `thinned` says what it lacks."""
        edition = service.current.edition()
        atlas = edition.atlas
        protein = first_protein(atlas, find_match(atlas, id))
        structure = service.find_structure(protein.accession)

        def make_data() -> dict[str, Any]:
            heading = read_heading(atlas, protein.accession)
            return complete_data(atlas, heading, drawing=structure.draw(heading.protein))

        with service.long_proteins.turn(protein.length):
            return answer_json(request, edition, make_data, stamp=structure.stamp)


def _add_protein(router: APIRouter, service: Service) -> None:
    """Add the route of one protein."""

    @router.get("/proteins/{id:path}", summary="One protein", responses=rows_responses(answer_schema(), is_of_id=True))
    def protein(
        request: Request,
        id: Id,
        layers: Annotated[
            str | None, Query(description="Profiles of these layers, from 0: `3,5`, `8-16` or `all`.", examples=["0"])
        ] = None,
        format: FormatQuery = None,
    ) -> Response:
        """Return a protein with its sites and its profile, as `attlas show --json` does; its row in other formats.

        A protein that was skipped or failed has its status and the reason, and null for sites. Of a digest that
        several accessions share, the first is answered, and `candidates` names all of them. A member of a cluster is
        answered with the protein that stands for it, and `note`, or the header `Attlas-Notes`, says so.
        """
        edition = service.current.edition()
        atlas = edition.atlas
        match = find_match(atlas, id, takes_members=True)
        shown_layers = () if layers is None else parse_layers(layers, atlas.n_layers)
        if choose_format(format, request.headers.get("accept")) == "json":
            with service.long_proteins.turn(first_protein(atlas, match).length if shown_layers else 0):
                return answer_json(request, edition, lambda: protein_json(atlas, match, shown_layers))
        accession = first_protein(atlas, match).accession if match.note else id
        notes = [match.note] if match.note else []
        return answer_rows(request, edition, format, lambda: atlas.protein(accession), find_notes=lambda: notes)


def _add_table_route(router: APIRouter, service: Service, table: Table) -> None:
    """Add the route of the rows of a protein in a table."""

    @router.get(f"/proteins/{{id:path}}/{table.name}", **_describe_table_route(table))
    def rows_of_protein(request: Request, id: Id, format: FormatQuery = None, limit: Limit = None) -> Response:
        edition, length = _find_rows(service, table, id)
        with service.long_proteins.turn(length):
            return answer_rows(request, edition, format, lambda: read_rows(edition.atlas, table, id), limit=limit)


def _add_links_route(router: APIRouter, service: Service) -> None:
    """Add the route of the links of a protein, which are of layers and heads."""

    @router.get(f"/proteins/{{id:path}}/{LINKS.name}", **_describe_table_route(LINKS))
    def links_of_protein(
        request: Request,
        id: Id,
        layer: Annotated[int | None, Query(ge=0, le=9_999, description="Only links of this layer, from 0.")] = None,
        head: Annotated[
            int | None, Query(ge=0, le=9_999, description="Only links of this head of each layer, from 0.")
        ] = None,
        format: FormatQuery = None,
        limit: Limit = None,
    ) -> Response:
        edition, length = _find_rows(service, LINKS, id)
        atlas = edition.atlas
        refuse_unknown_head(atlas, layer, head)

        with service.long_proteins.turn(length):
            return answer_rows(
                request,
                edition,
                format,
                lambda: choose_links(read_rows(atlas, LINKS, id), layer, head),
                find_notes=lambda: link_notes(atlas, id),
                limit=limit,
            )


def _describe_table_route(table: Table) -> dict[str, Any]:
    """Return the text of the API's description on the route of a table."""
    return {
        "summary": f"The {table.name.replace('_', ' ')} of a protein",
        "description": f"{table.doc}\n\nA protein that was not computed has none: 409, with the reason.",
        "operation_id": f"protein_{table.name}",
        "responses": {**rows_responses(table_schema(table), is_of_id=True), 409: PROBLEMS[409]},
    }


def _find_rows(service: Service, table: Table, id: str) -> tuple[Edition, int]:
    """Return the atlas as it is now, and the length of a protein that has rows in it.

    Raises:
        HttpProblem: 404, the id or the table is not in the atlas; 409, the protein was not computed.
    """
    edition = service.current.edition()
    length = computed_length(edition.atlas, find_match(edition.atlas, id))
    if table.added_by is not None and not edition.atlas.manifest.of_table(table):
        raise HttpProblem(404, lacks_table(table))
    return edition, length


def choose_links(rows: pa.Table, layer: int | None, head: int | None) -> pa.Table:
    """Return the links of a layer and a head; None means any."""
    for column, number in (("layer", layer), ("head", head)):
        if number is not None:
            rows = rows.filter(pc.equal(rows[column], number))
    return rows


def read_rows(atlas: Atlas, table: Table, id: str) -> pa.Table:
    """Return the rows of a protein in a table."""
    match table.name:
        case SITES.name:
            return atlas.sites(id)
        case RESIDUES.name:
            return atlas.residues(id)
        case HEADS.name:
            return atlas.heads(id)
        case _:
            return read_added_rows(atlas, table, id)


def link_notes(atlas: Atlas, id: str) -> list[str]:
    """Return how many links are kept of how many edges, for each protein that an id names."""
    proteins = atlas.protein(id).select(["accession", "sequence_id", "length"]).to_pylist()
    notes = []
    for protein in proteins:
        counts = count_links(atlas, protein["sequence_id"], protein["length"])
        notes.append(f"{protein['accession']}: {counts or 'left out by attlas links for its length'}")
    return notes


def find_match(atlas: Atlas, id: str, *, takes_members: bool = False) -> Match:
    """Return the match of an id; if `takes_members`, of a member of a cluster with the protein that stands for it.

    Raises:
        HttpProblem: 404, the id is not in the atlas; 409, it names several different proteins.
    """
    match = atlas.match(id).of_cluster() if takes_members else atlas.match(id)
    if not match.rows:
        raise HttpProblem(409 if match.candidates else 404, match.fault())
    return match


@dataclass(frozen=True)
class NamedProtein:
    """The protein that an id names."""

    accession: str
    length: int
    """Residues."""


def first_protein(atlas: Atlas, match: Match) -> NamedProtein:
    """Return the protein that an id names; of a digest that several share, the first."""
    return NamedProtein(**atlas.protein_rows(match.rows[:1], ["accession", "length"]).to_pylist()[0])


def computed_length(atlas: Atlas, match: Match) -> int:
    """Return the number of residues of a protein, all those of a digest having the same.

    Raises:
        HttpProblem: 409, it was not computed, and has no rows; with its status and the reason.
    """
    proteins = atlas.protein_rows(match.rows, ["accession", "length", "status", "reason"]).to_pylist()
    for protein in proteins:
        if protein["status"] != "ok":
            raise HttpProblem(409, not_computed(protein["accession"], protein["status"], protein["reason"]))
    return int(proteins[0]["length"])


def protein_json(atlas: Atlas, match: Match, layers: tuple[int, ...] = ()) -> dict[str, Any]:
    """Return the answer about a protein as `attlas show --json` has it."""
    answers = [answer for answer in answer_match(atlas, match, layers=layers) if isinstance(answer, Answer)]
    values = answers[0].to_json(atlas.manifest)
    if len(answers) > 1:
        values["candidates"] = [answer.protein.accession for answer in answers]
    return values
