"""The API's description of itself (OpenAPI 3.1): FastAPI's, with a path for each question and what is shared."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from attlas.queries.asking.parameters import Parameter
from attlas.queries.asking.question import Question
from attlas.queries.asking.questions import questions
from attlas.serve.api.descriptions import PROBLEM_SCHEMA

DESCRIPTION = """\
An attention atlas of a proteome, for reading. Ids are accessions, entry names, genes, MD5 or CRC64 of a sequence.

- Rows come as JSON, CSV, TSV, Arrow or Parquet, by the header `Accept` or by `?format=`.
- Every answer to a GET has an `ETag`; send it back in `If-None-Match`, and an unchanged answer is 304.
- Errors are `application/problem+json`: what is wrong, what was expected and found, what to do.
- Positions count from 1, layers and heads from 0.
"""
QUESTION_PATH = "/api/v1/questions/{name}"
JSON_TYPES = {"int": "integer", "float": "number"}


def describe_api(app: FastAPI) -> dict[str, Any]:
    """Return the description of an app's API."""
    description = get_openapi(
        title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes, openapi_version="3.1.0"
    )
    components = description.setdefault("components", {}).setdefault("schemas", {})
    components["Problem"] = PROBLEM_SCHEMA
    for name in ("HTTPValidationError", "ValidationError"):
        components.pop(name, None)  # invalid parameters are problems here

    paths = description["paths"]
    general = paths[QUESTION_PATH]["get"]
    for question in questions():
        paths[QUESTION_PATH.format(name=question.name)] = {"get": _question_operation(question, general)}
    return description


def _question_operation(question: Question, general: dict[str, Any]) -> dict[str, Any]:
    """Return the description of a question: that of any question, with its own words and parameters."""
    shared = [parameter for parameter in general["parameters"] if parameter["in"] == "query"]
    needs = f" Needs {', '.join(question.needs)} (`{question.command}`)." if question.needs else ""
    columns = "".join(f"\n- `{name}`: {doc}" for name, doc in question.columns)
    return {
        **general,
        "summary": question.title,
        "description": f"{question.answers}{needs}\n{columns}\n\nSource: {question.source}",
        "operationId": f"ask_{question.name}",
        "parameters": [*(_question_parameter(parameter) for parameter in question.parameters), *shared],
    }


def _question_parameter(parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": JSON_TYPES.get(parameter.type, "string")}
    if parameter.choices:
        schema["enum"] = list(parameter.choices)
    if parameter.type in JSON_TYPES:
        schema["maximum"] = parameter.maximum if parameter.maximum is not None else 2**31 - 1
        if parameter.minimum is not None:
            schema["minimum"] = parameter.minimum

    if parameter.default is not None:
        schema["default"] = {"int": int, "float": float}.get(parameter.type, str)(parameter.default)

    return {
        "name": parameter.name,
        "in": "query",
        "required": parameter.is_required,
        "description": parameter.doc,
        "schema": schema,
    }
