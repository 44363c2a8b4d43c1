"""An ASGI app called directly, with any bytes as its path and its headers: what an HTTP client would put right."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

HOST = (b"host", b"127.0.0.1")


@dataclass(frozen=True)
class RawRequest:
    """A request as it stands on the wire."""

    method: str
    target: bytes
    """Path and query, percent-encoded or not."""
    headers: tuple[tuple[bytes, bytes], ...] = (HOST,)
    body: bytes = b""


@dataclass
class RawResponse:
    """A response as it stands on the wire."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


async def send(app: Any, request: RawRequest, *, leave_after_s: float = 3600) -> RawResponse:
    """Return the response of an app to a client that leaves after a time."""
    path, _, query = request.target.partition(b"?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        # As uvicorn does.
        "path": unquote_to_bytes(path).decode("utf-8", "replace"),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": list(request.headers),
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 50_000),
    }
    messages = [{"type": "http.request", "body": request.body, "more_body": False}]
    response = RawResponse()

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await asyncio.sleep(leave_after_s)
        return {"type": "http.disconnect"}

    async def take(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            response.status = message["status"]
            response.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in message["headers"]}
        else:
            response.body += message.get("body", b"")

    await app(scope, receive, take)
    return response


def send_all(app: Any, requests: Sequence[RawRequest]) -> list[RawResponse]:
    """Return the responses of an app to requests, one after the other."""

    async def send_each() -> list[RawResponse]:
        return [await send(app, request) for request in requests]

    return asyncio.run(send_each())
