"""The page of the API: its OpenAPI description in words. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from attlas.serve.pages.layout import Frame, page, prose, show, table

QUESTION_PREFIX = "/api/v1/questions/"
GENERAL_QUESTION = "/api/v1/questions/{name}"
EXAMPLES = (
    ("One protein", "curl {url}api/v1/proteins/{id}"),
    ("Its sites as CSV", "curl '{url}api/v1/proteins/{id}/sites?format=csv'"),
    ("Many ids", """curl -H 'Content-Type: application/json' -d '{{"ids": ["{id}"]}}' {url}api/v1/lookup"""),
    ("A question", "curl '{url}api/v1/questions/lengths?width=100&format=csv'"),
)


def api_page(frame: Frame, description: Mapping[str, Any], url: str, example_id: str) -> str:
    """Return the page. `url` is that of the server, `example_id` a protein of its atlas."""
    return page(frame, "API", _body(description, url, example_id), place="/api")


def _body(description: Mapping[str, Any], url: str, example_id: str) -> Iterator[str]:
    yield "<h1>API</h1>"
    yield (
        "<p>Everything here is read with GET, and with POST where values are long. Rows come as JSON, CSV, TSV, Arrow "
        "or Parquet, by the header <code>Accept</code> or by <code>?format=</code>. Errors are "
        "<code>application/problem+json</code>: what is wrong, what was expected and found, what to do. "
        'The whole description is <a href="/api/v1/openapi.json">openapi.json</a> (OpenAPI 3.1).</p>'
    )
    for title, command in EXAMPLES:
        yield f"<p>{show(title)}<br><code>{show(command.format(url=url, id=example_id))}</code></p>"

    for path, operations in description["paths"].items():
        if not path.startswith(QUESTION_PREFIX) or path == GENERAL_QUESTION:
            for method, operation in operations.items():
                yield from _operation(method, path, operation)
    yield '<p>Each question has parameters of its own: its <a href="/questions">page</a> describes them.</p>'


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"<details><summary><code>{method.upper()} {show(path)}</code> {show(operation['summary'])}</summary>"
        f"<p>{prose(operation.get('description', ''))}</p>"
    )

    parameters = operation.get("parameters", [])
    if parameters:
        rows = ({"name": _code(p["name"]), "doc": prose(p.get("description", ""))} for p in parameters)
        yield table({"name": "Parameter", "doc": "What it says"}, rows)

    statuses = (
        {"status": _code(status), "doc": prose(response["description"])}
        for status, response in operation["responses"].items()
    )

    yield table({"status": "Status", "doc": "What it means"}, statuses)
    yield "</details>"


def _code(text: str) -> str:
    return f"<code>{show(text)}</code>"
