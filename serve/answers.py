"""Answers as responses: rows in the format that the client likes, files of workers sent piece by piece."""

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
from anyio.to_thread import run_sync
from fastapi import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from attlas.queries.formats import WRITERS, dump_json
from attlas.serve.current_atlas import Edition
from attlas.serve.etags import CACHING, is_unchanged, make_etag, not_modified
from attlas.serve.formats import Format, choose_format, content_type
from attlas.serve.service import Service
from attlas.serve.tasks import Task
from attlas.serve.worker_pool import FileAnswer

CHUNK_BYTES = 1 << 18
BATCH_ROWS = 16_384
NOTES_HEADER = "Attlas-Notes"
"""Header with the notes on an answer: a JSON list of sentences."""
MORE_HEADER = "Attlas-More-Rows"
"""`true` where there are more rows than `limit`."""
LONGEST_NOTES = 4_000
"""Characters of the header with the notes; longer ones are left out, and counted."""


class FileResponse(Response):
    """A file of a worker, sent piece by piece; it is removed at the end in any case, unless others need it."""

    def __init__(self, path: Path, headers: dict[str, str], *, is_kept: bool = False) -> None:
        super().__init__(headers={**headers, "Content-Length": str(path.stat().st_size)})
        self._path = path
        self._is_kept = is_kept

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file."""
        try:
            with self._path.open("rb") as file:
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                await _send_pieces(file, send)
        finally:
            if not self._is_kept:
                self._path.unlink(missing_ok=True)


async def _send_pieces(file: BinaryIO, send: Send) -> None:
    while piece := await run_sync(file.read, CHUNK_BYTES):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def answer_rows(
    request: Request,
    edition: Edition,
    format: Format | None,
    read_rows: Callable[[], pa.Table],
    *,
    find_notes: Callable[[], Sequence[str]] = tuple,
    limit: int | None = None,
) -> Response:
    """Return rows that are read from Parquet, in the format that the client likes; 304 where it has them already.

    What `find_notes` returns stands in the header `Attlas-Notes`. `limit` is how many rows there are at most.
    """
    file_format = choose_format(format, request.headers.get("accept"))
    etag = make_etag(edition, request, file_format)
    if is_unchanged(request, etag):
        return not_modified(etag)

    rows = read_rows()
    has_more = limit is not None and rows.num_rows > limit
    outcome = describe_outcome(find_notes(), has_more=has_more)
    data = write_rows(rows.slice(0, limit), file_format)
    return Response(data, headers={**CACHING, **outcome, "ETag": etag, "Content-Type": content_type(file_format)})


def answer_json(
    request: Request, edition: Edition, make_value: Callable[[], object], *, stamp: object = None
) -> Response:
    """Return a value as JSON; 304 where the client has it already. `stamp` is of what it holds beside the atlas."""
    etag = make_etag(edition, request, "json", stamp=stamp)
    if is_unchanged(request, etag):
        return not_modified(etag)
    return Response(dump_json(make_value()) + b"\n", headers={**CACHING, "ETag": etag}, media_type="application/json")


def answer_task(
    service: Service, request: Request, task: Task, format: str, headers: dict[str, str], *, timeout_s: float
) -> Response:
    """Return the file that a worker makes of a task; 304 where the client has it already.

    `format` tells answers of one address apart; `headers` say what the file is.
    """
    edition = service.current.edition()
    etag = make_etag(edition, request, format)
    if request.method == "GET" and is_unchanged(request, etag):
        return not_modified(etag)

    answer = service.pool.carry_out(task, timeout_s=timeout_s, has_left=request.state.has_left.is_set)
    caching = {**CACHING, "ETag": etag} if request.method == "GET" else {"Cache-Control": "no-store"}
    return FileResponse(answer.path, {**caching, **headers, **outcome_headers(answer)})


def answer_file(path: Path, headers: dict[str, str]) -> Response:
    """Return a file that is kept for others."""
    return FileResponse(path, {"Cache-Control": "no-cache", **headers}, is_kept=True)


def write_rows(rows: pa.Table, format: Format) -> bytes:
    """Return a table in a format."""
    sink = io.BytesIO()
    WRITERS[format](rows.to_reader(BATCH_ROWS), sink)
    return sink.getvalue()


def outcome_headers(answer: FileAnswer) -> dict[str, str]:
    """Return the headers that say what is to be known of an answer of a worker."""
    return describe_outcome(answer.outcome.notes, has_more=answer.outcome.has_more)


def describe_outcome(notes: Sequence[str], *, has_more: bool) -> dict[str, str]:
    """Return the headers that say what is to be known of an answer: its notes, and whether there are more rows."""
    headers = {}
    if notes:
        headers[NOTES_HEADER] = _notes_text(notes)
    if has_more:
        headers[MORE_HEADER] = "true"
    return headers


def _notes_text(notes: Sequence[str]) -> str:
    """Return notes as JSON in ASCII, as headers must be, as many as fit."""
    shown = list(notes)
    while shown and len(json.dumps(shown)) > LONGEST_NOTES:
        shown.pop()
    n_left_out = len(notes) - len(shown)
    return json.dumps([*shown, f"{n_left_out} longer notes are left out"] if n_left_out else shown)
