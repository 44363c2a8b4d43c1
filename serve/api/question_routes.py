"""The questions that have a name: their list, and their answers."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from attlas.queries.asking.parameters import TYPES, Parameter
from attlas.queries.asking.question import Question, missing_tables
from attlas.queries.asking.questions import question_named, questions
from attlas.queries.text import cut, printable
from attlas.schema import Manifest, QuestionError
from attlas.serve.answers import answer_json, answer_task
from attlas.serve.api.descriptions import BODY_PROBLEMS, PROBLEMS, json_responses, rows_responses
from attlas.serve.api.parameters import FormatQuery, Limit, clean_text, refuse_unknown, require_json
from attlas.serve.formats import Format, choose_format, content_type
from attlas.serve.problems import HttpProblem
from attlas.serve.service import Service
from attlas.serve.tasks import AskTask

RESERVED = ("format", "limit")
"""Parameters of the API, which no question may have."""
Name = Annotated[str, Path(description="Name of the question.", examples=["lengths"])]


class QuestionBody(BaseModel):
    """A question in a body, for parameters too long for an address, such as an alignment."""

    model_config = ConfigDict(extra="forbid", strict=True)

    question: str = Field(description="Name of the question.")
    parameters: dict[str, str] = Field(
        default_factory=dict, description="By name, as a user types them; an alignment is its text."
    )
    limit: Limit = None


def question_routes(service: Service) -> APIRouter:
    """Return the routes of questions."""
    router = APIRouter(tags=["questions"])
    responses = {**rows_responses({"type": "array", "items": {"type": "object"}}), 404: PROBLEMS[404]}
    responses |= {status: PROBLEMS[status] for status in (409, 413, 504)}

    @router.get(
        "/questions",
        summary="List the questions",
        responses=json_responses({"type": "array", "items": {"type": "object"}}),
        dependencies=[Depends(refuse_unknown)],
    )
    def list_questions(request: Request) -> Response:
        """Describe every question by topic: parameters, columns, grain, source, and the tables that the atlas lacks."""
        edition = service.current.edition()
        manifest = edition.atlas.manifest
        return answer_json(
            request, edition, lambda: [describe_question(question, manifest) for question in questions()]
        )

    @router.get("/questions/{name}", summary="Ask a question", responses=responses)
    def ask_question(request: Request, name: Name, format: FormatQuery = None, limit: Limit = None) -> Response:
        """Answer a question: the rows of `attlas ask DIR NAME`. Every other parameter is one of the question.

        Notes on what was left out stand in the header `Attlas-Notes`, a JSON list of sentences.
        """
        parameters = {key: value for key, value in request.query_params.items() if key not in RESERVED}
        repeated = [key for key in parameters if len(request.query_params.getlist(key)) > 1]
        if repeated:
            what = f"A parameter is given twice: {printable(', '.join(repeated))}."
            raise QuestionError(cut(what, 200), hint="a list is one value, separated by commas")
        return _answer(service, request, name, parameters, format, limit)

    @router.post(
        "/ask",
        summary="Ask a question with long parameters",
        responses={status: value for status, value in responses.items() if status != 304} | BODY_PROBLEMS,
        dependencies=[Depends(require_json), Depends(refuse_unknown)],
    )
    def post_question(request: Request, body: QuestionBody, format: FormatQuery = None) -> Response:
        """Answer a question whose parameters are too long for an address, such as an alignment."""
        parameters = {clean_text(key): clean_text(value) for key, value in body.parameters.items()}
        return _answer(service, request, clean_text(body.question), parameters, format, body.limit)

    return router


def _answer(
    service: Service,
    request: Request,
    name: str,
    parameters: Mapping[str, str],
    format: Format | None,
    limit: int | None,
) -> Response:
    question = find_question(name)
    if missing := missing_tables(question, service.current.edition().atlas.manifest):
        names = " and ".join(table.name for table in missing)
        what = f"The question {question.name} needs {names}, but the atlas has no such rows."
        raise HttpProblem(409, QuestionError(what, hint=f"`{question.command}` adds them; nothing is built again"))

    file_format = choose_format(format, request.headers.get("accept"))
    task = AskTask(question.name, parameters, file_format, limit)
    headers = {
        "Content-Type": content_type(file_format),
        "Content-Disposition": f'inline; filename="{question.name}.{file_format}"',
    }
    return answer_task(service, request, task, file_format, headers, timeout_s=service.limits.query_s)


def find_question(name: str) -> Question:
    """Return a question.

    Raises:
        HttpProblem: 404, there is none of that name.
    """
    try:
        return question_named(name)
    except QuestionError as error:
        what = f"There is no question {cut(printable(name), 80)!r}."
        raise HttpProblem(404, QuestionError(what, hint=error.hint)) from error


def describe_question(question: Question, manifest: Manifest) -> dict[str, Any]:
    """Return all that is known of a question, as plain JSON values."""
    return {
        "name": question.name,
        "topic": question.topic,
        "title": question.title,
        "answers": question.answers,
        "parameters": [describe_parameter(parameter) for parameter in question.parameters],
        "columns": dict(question.columns),
        "grain": list(question.grain),
        "source": question.source,
        "example": question.example,
        "needs": list(question.needs),
        "missing": [table.name for table in missing_tables(question, manifest)],
        "sql": question.sql,
    }


def describe_parameter(parameter: Parameter) -> dict[str, Any]:
    """Return all that is known of a parameter, as plain JSON values."""
    return {
        "name": parameter.name,
        "type": parameter.type,
        "means": TYPES[parameter.type],
        "doc": parameter.doc,
        "default": parameter.default,
        "is_required": parameter.is_required,
        "minimum": parameter.minimum,
        "maximum": parameter.maximum,
        "choices": list(parameter.choices),
        "column": parameter.column,
    }
