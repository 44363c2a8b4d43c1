"""What the API's own description says of answers: JSON schemas made from the declared columns, and the errors."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import pyarrow as pa

from attlas.queries.answers.many_ids import ANSWER_COLUMNS, PROTEIN_COLUMNS, SITE_COLUMNS
from attlas.queries.answers.stored_rows import FamilyRow, FeatureRow, ProteinRow, SiteRow
from attlas.queries.engine.views import describe_column
from attlas.schema import FAMILIES, FEATURES, PROTEINS, SITES, Column, Table
from attlas.serve.api.listing import LIST_COLUMNS
from attlas.serve.formats import MEDIA_TYPES
from attlas.serve.problems import MEDIA_TYPE as PROBLEM_TYPE

Schema = dict[str, Any]
Responses = dict[int | str, dict[str, Any]]

TEXT: Schema = {"type": "string"}
NULLABLE_TEXT: Schema = {"type": ["string", "null"]}
PROBLEM_SCHEMA: Schema = {
    "type": "object",
    "description": "An error (RFC 9457) with the parts of every error of attlas.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": TEXT,
        "title": TEXT,
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, in one sentence."},
        "instance": TEXT,
        "expected": {"type": ["string", "null"], "description": "What was expected."},
        "found": {"type": ["string", "null"], "description": "What was found."},
        "hint": {"type": ["string", "null"], "description": "What to do."},
        "offenders": {"type": "array", "items": TEXT, "description": "Proteins, ids or parameters concerned."},
        "n_offenders": {"type": "integer", "description": "Their number; `offenders` has the first 100."},
    },
}
_MEANINGS = {
    400: "The body is no JSON.",
    404: "The id is not in this atlas, or the atlas lacks what is asked for; `hint` has similar ids.",
    406: "The client takes none of the formats.",
    408: "The body did not arrive in time.",
    409: "The protein was not computed, with the reason; or the id names several proteins, which `offenders` lists.",
    413: "The batch, the body or the answer is larger than this server takes.",
    415: "The body is not sent as `application/json`.",
    422: "A parameter cannot be used; or the question has no answer as it stands.",
    503: "All workers are busy: come again. Or the machine lacks memory or disk.",
    504: "The answer took longer than this server waits.",
}
PROBLEMS: Responses = {
    status: {"description": meaning, "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    for status, meaning in _MEANINGS.items()
}
"""What each status means, with the problem that comes with it."""


BODY_PROBLEMS: Responses = {status: PROBLEMS[status] for status in (400, 408, 413, 415)}
"""The problems of a request with a body."""


def rows_responses(schema: Schema, *, is_of_id: bool = False, has_etag: bool = True) -> Responses:
    """Return the responses of a route that answers with rows; `schema` is that of its JSON."""
    content: dict[str, Any] = {
        media_type: {"schema": schema if name == "json" else {"type": "string", "format": "binary"}}
        for name, media_type in MEDIA_TYPES.items()
    }
    responses: Responses = {200: {"description": "The answer.", "content": content}}
    if has_etag:
        responses[304] = {"description": "Unchanged since the answer whose `ETag` is in `If-None-Match`."}
    problems = (404, 409) if is_of_id else ()
    return responses | {status: PROBLEMS[status] for status in (*problems, 406, 422, 503)}


def json_responses(schema: Schema) -> Responses:
    """Return the responses of a route that answers with one JSON value."""
    return {
        200: {"description": "The answer.", "content": {"application/json": {"schema": schema}}},
        304: {"description": "Unchanged since the answer whose `ETag` is in `If-None-Match`."},
        422: PROBLEMS[422],
        503: PROBLEMS[503],
    }


def file_responses(description: str) -> Responses:
    """Return the responses of a route that answers with a file."""
    content = {"*/*": {"schema": {"type": "string", "format": "binary"}}}
    return {
        200: {"description": description, "content": content},
        304: {"description": "Unchanged since the answer whose `ETag` is in `If-None-Match`."},
        **{status: PROBLEMS[status] for status in (404, 413, 422, 503, 504)},
    }


def column_schema(column: Column) -> Schema:
    """Return the JSON schema of a column, described as the column is."""
    number: Schema = {"type": _json_type(column.type)}
    schema = {"type": "array", "items": number} if column.is_per_layer or column.is_list else number
    if column.is_nullable:
        schema = {**schema, "type": [schema["type"], "null"]}
    return {**schema, "description": describe_column(column)}


def table_schema(table: Table) -> Schema:
    """Return the JSON schema of rows of a table."""
    return _rows_schema({column.name: column_schema(column) for column in table.columns}, table.doc)


def page_schema() -> Schema:
    """Return the JSON schema of a page of the list of proteins."""
    columns = _columns(PROTEINS, LIST_COLUMNS)
    columns["fit"] = {**NULLABLE_TEXT, "description": "How the protein fits what was searched for."}

    return _object(
        {
            "total": {"type": "integer", "description": "Proteins of the whole list."},
            "offset": {"type": "integer"},
            "next": {**NULLABLE_TEXT, "description": "Address of the next page."},
            "notes": {
                "type": "array",
                "items": TEXT,
                "description": "What was not looked at, where very many proteins fit.",
            },
            "proteins": _rows_schema(columns, "Proteins."),
        }
    )


def answer_schema() -> Schema:
    """Return the JSON schema of the answer about one protein."""
    profile = _object({"layer": {"type": "integer"}, "received": {"type": "array", "items": {"type": "number"}}})
    protein = _object(_columns(PROTEINS, [field.name for field in fields(ProteinRow)]))

    return _object(
        {
            "asked": TEXT,
            "outcome": {**TEXT, "description": ANSWER_COLUMNS["outcome"]},
            "reason": {**NULLABLE_TEXT, "description": ANSWER_COLUMNS["reason"]},
            "note": {**NULLABLE_TEXT, "description": "Of which cluster the id is a member, if it is one."},
            "candidates": {
                "type": "array",
                "items": TEXT,
                "description": "Accessions that share the digest asked for.",
            },
            "similar": {"type": "array", "items": TEXT},
            "protein": protein,
            "sites": _nullable(_rows_schema(_columns(SITES, [field.name for field in fields(SiteRow)]), SITES.doc)),
            "profile": _nullable({**profile, "description": "Attention received in the layer of convergence."}),
            "profiles": {"type": "array", "items": profile, "description": "The layers asked for."},
            "features": _nullable(_rows_schema(_columns(FEATURES, [f.name for f in fields(FeatureRow)]), FEATURES.doc)),
            "families": _nullable(_rows_schema(_columns(FAMILIES, [f.name for f in fields(FamilyRow)]), FAMILIES.doc)),
            "provenance": PROVENANCE_SCHEMA,
        }
    )


def _make_lookup_schema() -> Schema:
    sites = _rows_schema(_columns(SITES, SITE_COLUMNS), "Sites by rank; null where the protein was not computed.")
    protein = _object({**_columns(PROTEINS, PROTEIN_COLUMNS), "sites": _nullable(sites)})
    answer = _object(
        {
            "asked": {**TEXT, "description": ANSWER_COLUMNS["asked"]},
            "status": {"type": "integer", "description": "200, 404 or 409, as if the id had been asked for alone."},
            "outcome": {**TEXT, "description": ANSWER_COLUMNS["outcome"]},
            "reason": {**NULLABLE_TEXT, "description": ANSWER_COLUMNS["reason"]},
            "proteins": {"type": "array", "items": protein},
        }
    )
    return _object({"answers": {"type": "array", "items": answer}, "provenance": PROVENANCE_SCHEMA})


def _columns(table: Table, names: list[str] | tuple[str, ...]) -> dict[str, Schema]:
    """Return the schemas of some columns of a table, in the order of the names."""
    columns = {column.name: column for column in table.columns}
    return {name: column_schema(columns[name]) for name in names}


def _rows_schema(properties: Mapping[str, Schema], doc: str) -> Schema:
    return {"type": "array", "description": doc, "items": _object(properties)}


def _object(properties: Mapping[str, Schema]) -> Schema:
    return {"type": "object", "required": list(properties), "properties": dict(properties)}


def _nullable(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


def _json_type(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind):
        return "integer"
    return "number" if pa.types.is_floating(kind) else "string"


PROVENANCE_SCHEMA: Schema = {
    "type": "object",
    "description": "Model, revision, weights, rule, atlas id, attlas version and evidence code.",
    "additionalProperties": TEXT,
}
LOOKUP_SCHEMA = _make_lookup_schema()
