"""ETags: an answer is the same as long as the atlas, its manifest, attlas and the request are."""

from starlette.requests import Request
from starlette.responses import Response

from attlas.schema.json_file import digest
from attlas.serve.current_atlas import Edition

CACHING = {"Cache-Control": "no-cache", "Vary": "Accept"}
"""An answer may be kept, and is checked before it is used again."""


def make_etag(edition: Edition, request: Request, format: str, *, stamp: object = None) -> str:
    """Return the ETag of the answer to a GET: weak, because equal rows may be other bytes of Parquet.

    `stamp` is another one where something beside the atlas, such as a structure, has changed.
    """
    query = sorted(request.query_params.multi_items())
    return f'W/"{digest([edition.digest, request.url.path, query, format, stamp])}"'


def is_unchanged(request: Request, etag: str) -> bool:
    """Return whether the client has this answer already, as its header If-None-Match says."""
    etags = [text.strip().removeprefix("W/") for text in request.headers.get("if-none-match", "").split(",")]
    return etag.removeprefix("W/") in etags


def not_modified(etag: str) -> Response:
    """Return the response to a client that has the answer already."""
    return Response(status_code=304, headers={**CACHING, "ETag": etag})
