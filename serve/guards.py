"""What stands before every route: the Host header, sizes and times of requests, and headers of every response."""

import asyncio
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from attlas.queries.text import counted, cut, printable
from attlas.schema import QuestionError
from attlas.serve.limits import Limits
from attlas.serve.problems import HttpProblem, problem_response
from attlas.serve.security_headers import POLICY_HEADER, SECURITY_HEADERS
from attlas.serve.traffic import Traffic

METHODS_WITHOUT_BODY = ("GET", "HEAD")
MOST_THROWN_AWAY = 50
"""Multiple of the largest body that is read before the client gets the answer that its body is too large."""


class ClientTooSlowError(Exception):
    """A client does not receive the answer that it has asked for."""


class Guard:
    """An ASGI app before another one: refuses what is not for it, and adds headers to what it says."""

    def __init__(self, app: ASGIApp, *, hosts: Sequence[str], limits: Limits, traffic: Traffic | None = None) -> None:
        """Guard an app. `hosts` are the names by which browsers may call the server; `*` is any."""
        self._app = app
        self._hosts = frozenset(host.lower().strip("[]") for host in hosts)
        self._limits = limits
        self._traffic = traffic or Traffic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with self._traffic.request():
            await self._answer_http(scope, receive, send)

    async def _answer_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or say why not."""
        answer = _with_headers(self._hurry(send), has_body=scope["method"] != "HEAD")
        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        try:
            self._check(scope)
            body = await self._read_body(scope, receive)
        except HttpProblem as problem:
            await problem_response(problem, scope["path"])(scope, receive, answer)
            return
        await self._answer(scope, body, receive, answer)

    async def _answer(self, scope: Scope, body: bytes, receive: Receive, answer: Send) -> None:
        """Have the app answer, and tell it by `state.has_left` when the client has left meanwhile."""
        has_left = threading.Event()
        leaving = asyncio.create_task(_wait_for_leaving(receive, has_left))
        state = {**scope.get("state", {}), "has_left": has_left}
        try:
            with suppress(ClientTooSlowError):  # its connection is closed, because the answer is not whole
                await self._app({**scope, "state": state}, _replay(body, leaving), answer)
        finally:
            leaving.cancel()

    def _hurry(self, send: Send) -> Send:
        """Return a `send` that drops a client that receives too slowly, or not at all.

        What counts is the time in which the client is waited for, not that in which the answer is made.
        """
        limits = self._limits
        n_bytes, waited_s = 0, 0.0

        async def send_in_time(message: Message) -> None:
            nonlocal n_bytes, waited_s
            n_bytes += len(message.get("body", b""))
            left_s = limits.send_s + n_bytes / limits.send_bytes_per_s - waited_s
            started = time.monotonic()
            try:
                async with asyncio.timeout(min(limits.send_s, left_s)):
                    await send(message)
            except TimeoutError:
                raise ClientTooSlowError from None
            waited_s += time.monotonic() - started

        return send_in_time

    def _check(self, scope: Scope) -> None:
        """Refuse a request by its head.

        Raises:
            HttpProblem: 421, the Host header names another server; 414, the address is too long.
        """
        headers = Headers(scope=scope)
        host = _host_name(headers.get("host", ""))
        if "*" not in self._hosts and host not in self._hosts:
            expected = ", ".join(sorted(self._hosts))
            hint = "call it by one of these names; `attlas serve --name NAME` adds one"
            what = "This server is not called by that name."
            raise HttpProblem(
                421, QuestionError(what, expected=expected, found=cut(printable(host), 80) or "no name", hint=hint)
            )

        n_characters = len(scope.get("raw_path") or scope["path"]) + len(scope["query_string"])
        if n_characters > self._limits.url_characters:
            what = f"This address has {counted(n_characters, 'character')}."
            expected = f"at most {self._limits.url_characters:,}"
            raise HttpProblem(414, QuestionError(what, expected=expected, hint="POST what is long, see /api"))

    async def _read_body(self, scope: Scope, receive: Receive) -> bytes:
        """Return the body of a request.

        Raises:
            HttpProblem: 413, it is too large; 408, it did not arrive in time.
        """
        if scope["method"] in METHODS_WITHOUT_BODY:
            return b""

        try:
            async with asyncio.timeout(self._limits.body_s):
                return await self._read_pieces(receive)
        except TimeoutError:
            what = f"The body of this request did not arrive within {self._limits.body_s:g} s."
            raise HttpProblem(408, QuestionError(what), {"Connection": "close"}) from None

    async def _read_pieces(self, receive: Receive) -> bytes:
        pieces: list[bytes] = []
        n_bytes, has_more = 0, True
        # What is too large is read on and thrown away: many clients listen only when they have sent everything.
        while has_more and n_bytes <= MOST_THROWN_AWAY * self._limits.body_bytes:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise HttpProblem(400, QuestionError("The client has left."))
            pieces.append(message.get("body", b""))
            n_bytes += len(pieces[-1])
            has_more = message.get("more_body", False)
            if n_bytes > self._limits.body_bytes:
                pieces.clear()

        if n_bytes > self._limits.body_bytes:
            raise self._too_large()
        return b"".join(pieces)

    def _too_large(self) -> HttpProblem:
        expected = f"at most {self._limits.body_bytes:,} bytes"
        fault = QuestionError("The body of this request is too large.", expected=expected, hint="ask in parts")
        return HttpProblem(413, fault, {"Connection": "close"})


def _host_name(host: str) -> str:
    """Return the name in a Host header, without the port and the brackets of an IPv6 address."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower().rstrip(".")


def _with_headers(send: Send, *, has_body: bool) -> Send:
    """Return a `send` that adds the headers of every response, and leaves the body out where HEAD was asked."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                # A cache puts the headers of a 304 in the place of those it has: it must keep the policy of the page.
                if message["status"] != HTTPStatus.NOT_MODIFIED or name != POLICY_HEADER:
                    headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-cache")
        elif message["type"] == "http.response.body" and not has_body:
            message = {**message, "body": b""}
        await send(message)

    return send_with_headers


async def _wait_for_leaving(receive: Receive, has_left: threading.Event) -> Message:
    """Return the message that says that the client has left."""
    message = await receive()
    while message["type"] != "http.disconnect":
        message = await receive()
    has_left.set()
    return message


def _replay(body: bytes, leaving: "asyncio.Task[Message]") -> Receive:
    """Return a `receive` that gives a body that was read already, then waits for the client to leave."""
    has_given = False

    async def receive_again() -> Message:
        nonlocal has_given
        if has_given:
            return await asyncio.shield(leaving)
        has_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again
