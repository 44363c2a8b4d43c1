"""The parameters that several routes take, and the refusal of those that a route does not know."""

from typing import Annotated

from fastapi import Path, Query, Request
from fastapi.routing import APIRoute

from attlas.queries.text import cut, printable
from attlas.schema import QuestionError
from attlas.serve.formats import Format
from attlas.serve.problems import HttpProblem

FORM_OF_IDS = (
    "Accession (also `P04637-2`, `P04637.4`, `UniProtKB:P04637`), `sp|ACCESSION|NAME`, `AF-ACCESSION-F1`, entry name, "
    "gene or `GENE@TAXON`, or MD5 or CRC64 of a sequence."
)
Id = Annotated[str, Path(description=FORM_OF_IDS, examples=["P04637"])]
FormatQuery = Annotated[
    Format | None, Query(description="Format of the rows; without it, the header `Accept` says it. Default: json.")
]
JSON_TYPE = "application/json"
MAX_LIMIT = 10_000_000
Limit = Annotated[
    int | None,
    Query(
        ge=1, le=MAX_LIMIT, description="Rows after which the answer ends; `Attlas-More-Rows: true` if there are more."
    ),
]


def refuse_unknown(request: Request) -> None:
    """Refuse query parameters that a route does not have: a typing error would otherwise change nothing in silence.

    Raises:
        QuestionError: there are some.
    """
    route = request.scope["route"]
    if not isinstance(route, APIRoute):
        return
    names = [parameter.alias for parameter in route.dependant.query_params]
    unknown = [cut(printable(name), 80) for name in dict.fromkeys(request.query_params) if name not in names]

    if unknown:
        expected = ", ".join(names) or "no parameter"
        address = cut(printable(request.url.path), 200)
        raise QuestionError(f"{address} has no parameter {', '.join(unknown[:5])}.", expected=expected)

    repeated = [name for name in names if len(request.query_params.getlist(name)) > 1]
    if repeated:
        raise QuestionError(f"A parameter is given twice: {', '.join(repeated)}.")


def clean_text(text: str) -> str:
    """Return a text of a JSON body as valid Unicode: JSON can name half of a character."""
    return text.encode("utf-8", "replace").decode()


def require_json(request: Request) -> None:
    """Refuse a body that is not sent as JSON.

    A page of somebody else's may make a browser send forms and plain text to any server, but JSON only where the server
    allows it.

    Raises:
        HttpProblem: 415, by the header Content-Type it is something else.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != JSON_TYPE:
        what = "The body of this request is not JSON by its header Content-Type."
        header = cut(printable(media_type), 80) or "no such header"
        raise HttpProblem(415, QuestionError(what, expected=JSON_TYPE, found=header))
