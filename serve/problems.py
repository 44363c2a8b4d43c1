"""Errors as `application/problem+json` (RFC 9457), with the parts that every error of attlas has."""

from collections.abc import Callable
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from attlas.queries.formats import dump_json
from attlas.queries.text import cut, printable
from attlas.schema import BrokenAtlasError, EnvironmentFault, Fault, QuestionError
from attlas.serve.performing import TooLargeError
from attlas.serve.security_headers import SECURITY_HEADERS
from attlas.serve.worker import ClientLeftError, OutOfTimeError, WorkerEndedError
from attlas.serve.worker_pool import BusyError, FullError

MEDIA_TYPE = "application/problem+json"
N_OFFENDERS = 100
"""Offenders that a problem lists; their number stands in `n_offenders`."""
SHOWN_WIDTH = 80
"""Characters of a value of the request that a problem repeats."""
NO_JSON = "The body of this request is no JSON."
RETRY_S = 5
"""Seconds after which a client that found all workers busy may come again."""


class HttpProblem(Exception):
    """An error with the HTTP status that it is answered with."""

    def __init__(self, status: int, fault: Fault, headers: dict[str, str] | None = None) -> None:
        super().__init__(fault.what)
        self.status = status
        self.fault = fault
        self.headers = headers or {}


def problem_response(problem: HttpProblem, instance: str) -> Response:
    """Return a problem as a response; `instance` is the path that was asked for."""
    fault = problem.fault
    body = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": fault.what,
        "instance": cut(printable(instance), 4 * SHOWN_WIDTH),
        "expected": fault.expected,
        "found": fault.found,
        "hint": fault.hint,
        "offenders": list(fault.offenders[:N_OFFENDERS]),
        "n_offenders": fault.n_offenders,
    }

    headers = {"Cache-Control": "no-store", **problem.headers}
    return Response(dump_json(body) + b"\n", problem.status, headers, media_type=MEDIA_TYPE)


def as_problem(error: Exception) -> HttpProblem:
    """Return the problem that a client gets for an error."""
    match error:
        case HttpProblem():
            return error
        case OutOfTimeError():
            what = "The answer took longer than this server waits; its process was killed."
            hint = "ask less of it (WHERE, LIMIT, fewer proteins), or use the command line, which has no such limit"
            return HttpProblem(504, QuestionError(what, hint=hint))
        case FullError():
            what = "Too many answers of this server wait to be received."
            hint = "come again; ask for less (`limit`, fewer proteins)"
            return HttpProblem(503, EnvironmentFault(what, hint=hint), {"Retry-After": str(RETRY_S)})
        case BusyError():
            what = "This server is busy with other questions."
            return HttpProblem(503, EnvironmentFault(what, hint="come again"), {"Retry-After": str(RETRY_S)})
        case ClientLeftError():
            return HttpProblem(400, QuestionError("The client has left."))
        case WorkerEndedError():
            what = "The process that was answering has ended, perhaps for want of memory."
            return HttpProblem(503, EnvironmentFault(what, hint="ask for less: fewer columns and rows, shorter texts"))
        case TooLargeError():
            return HttpProblem(413, error)
        case EnvironmentFault() | BrokenAtlasError():
            return HttpProblem(503, error)
        case Fault():
            return HttpProblem(422, error)
        case RequestValidationError() if _is_no_json(error):
            return HttpProblem(400, _fault_of_json(error))
        case RequestValidationError():
            return HttpProblem(422, _fault_of_request(error))
        case HTTPException():
            return HttpProblem(error.status_code, _fault_of_status(error), dict(error.headers or {}))
        case _:
            # The server below logs it with its traceback.
            what = "This server has failed: a defect of attlas."
            return HttpProblem(
                500, EnvironmentFault(what, hint="the log of the server has the traceback; please report it")
            )


def add_handlers(app: FastAPI, make_page: Callable[[HttpProblem], str]) -> None:
    """Make the app answer every error as a problem, or as a page where a browser asks for a page."""

    async def handle(request: Request, error: Exception) -> Response:
        response = respond(request, as_problem(error))
        # What nobody foresaw is answered outside of `Guard`, which adds them to every other response.
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    def respond(request: Request, problem: HttpProblem) -> Response:
        is_for_people = "text/html" in request.headers.get("accept", "") and not _is_of_api(request.url.path)
        if not is_for_people:
            return problem_response(problem, request.url.path)
        try:
            page = make_page(problem)
        except Fault:  # the atlas is gone, whose name stands on every page
            return problem_response(problem, request.url.path)
        return HTMLResponse(page, problem.status, {"Cache-Control": "no-store", **problem.headers})

    kinds = (
        HttpProblem,
        Fault,
        ClientLeftError,
        OutOfTimeError,
        BusyError,
        WorkerEndedError,
        RequestValidationError,
        HTTPException,
    )
    for kind in (*kinds, Exception):
        app.add_exception_handler(kind, handle)


def _is_of_api(path: str) -> bool:
    return path.startswith("/api/")


def _fault_of_request(error: RequestValidationError) -> Fault:
    """Return the error for parameters or a body that are not as the API describes them."""
    lines = []
    for entry in error.errors():
        place = ".".join(str(part) for part in entry["loc"][1:]) or str(entry["loc"][0])
        lines.append(f"{cut(printable(place), SHOWN_WIDTH)}: {printable(entry['msg'])}")

    first_error = error.errors()[0]
    place = ".".join(str(part) for part in first_error["loc"])
    value = None if first_error["type"] == "missing" else cut(printable(repr(first_error.get("input"))), SHOWN_WIDTH)
    return QuestionError(
        f"This request cannot be used: {cut(printable(place), SHOWN_WIDTH)}.",
        expected=printable(first_error["msg"]),
        found=value,
        hint="/api/v1/openapi.json describes every parameter, /api the same in words",
        offenders=lines if len(lines) > 1 else (),
    )


def _is_no_json(error: RequestValidationError) -> bool:
    return bool(error.errors()[0]["type"] == "json_invalid")


def _fault_of_json(error: RequestValidationError) -> Fault:
    """Return the error for a body that is no JSON: where it breaks, and what stands there."""
    entry = error.errors()[0]
    index = entry["loc"][-1]
    text = error.body if isinstance(error.body, str) else ""
    at = index if isinstance(index, int) else 0

    begin = max(at - SHOWN_WIDTH // 2, 0)
    before = "..." if begin else ""
    shown = f"{before}{cut(printable(text[begin : at + SHOWN_WIDTH]), SHOWN_WIDTH)}"
    line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
    return QuestionError(
        NO_JSON,
        expected=f"JSON; at line {line:,}, column {column:,}: {printable(str(entry['ctx']['error']))}",
        found=shown,
        hint="see the example of the address at /api",
    )


def _fault_of_status(error: HTTPException) -> Fault:
    hints = {
        400: "see the example of the address at /api",
        404: "/api lists what there is",
        405: "this server only reads: GET, and POST where /api says so",
    }
    words = {
        400: NO_JSON,
        404: "There is nothing at this address.",
        405: "This address does not take this method.",
    }
    return QuestionError(words.get(error.status_code, str(error.detail)), hint=hints.get(error.status_code))
