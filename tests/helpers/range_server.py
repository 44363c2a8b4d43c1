"""A web server on loopback that answers range requests and counts what it sends; or misbehaves as it is told."""

import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

ENDLESS_BYTES = 1 << 28
SILENCE_S = 30


@dataclass
class Server:
    """What was asked of a server and what it sent."""

    root: Path
    url: str = ""
    fault: str = ""
    """What it does wrong; "" is nothing:

    - `no ranges`: sends the whole file whatever is asked;
    - `refused`: 403 to all;
    - `cut`: the connection ends halfway through the body of a table's file;
    - `endless`: promises `ENDLESS_BYTES` for every range of a table's file, and sends until nobody reads;
    - `silent`: takes a request for a table's file and never answers;
    - `silent to all`: the same for every request.
    """
    etag: str = ""
    """ETag of every file; "" sends none."""
    heeds_if_match: bool = True
    """It answers 412 to an If-Match of another ETag."""
    n_busy: int = 0
    """How many requests it answers with 503 from now on."""
    retry_after: str | None = None
    redirect: str = ""
    """Where it redirects to, followed by the path; "" is nowhere."""
    headers: dict[str, str] = field(default_factory=dict)
    """Headers of ranges that it sends in the place of its own."""
    flip: tuple[int, float] | None = None
    """In the body of which request of those from now on, from 0, and where in it, from 0 to 1, it flips a bit."""
    silence: threading.Event = field(default_factory=threading.Event)
    """Set when the server ends: nobody need be silent any longer."""
    tags_asked_for: set[str] = field(default_factory=set)
    """What requests named in If-Match."""
    n_bytes_beyond: int = 0
    """Bytes that were taken of what it sent beyond a range."""
    requests: list[tuple[str, int]] = field(default_factory=list)
    """Path and bytes of each body sent."""

    @property
    def n_bytes(self) -> int:
        return sum(n for _, n in self.requests)

    def forget(self) -> None:
        self.requests.clear()

    def behave(self) -> None:
        """Do nothing wrong from now on, and forget what was asked."""
        self.fault, self.etag, self.heeds_if_match = "", "", True
        self.n_busy, self.retry_after, self.redirect, self.flip = 0, None, "", None
        self.headers.clear()
        self.tags_asked_for.clear()
        self.forget()


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a reader that had enough hangs up
            super().handle_error(request, client_address)


@contextmanager
def serving(root: Path) -> Iterator[Server]:
    """Serve the files below `root` on a free port of loopback."""
    server = Server(root)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else headers and body wait for each other, 40 ms a request

        def do_GET(self) -> None:
            _answer(self, server)

        def do_HEAD(self) -> None:
            _answer(self, server)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    http = _Quiet(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.silence.set()
        http.shutdown()
        thread.join()
        http.server_close()


def _answer(handler: BaseHTTPRequestHandler, server: Server) -> None:
    path = server.root / unquote(handler.path.partition("?")[0]).lstrip("/")
    if server.fault == "refused":
        handler.send_error(403)
        return
    if server.fault == "silent to all" or (server.fault == "silent" and path.suffix == ".parquet"):
        server.silence.wait(SILENCE_S)
        handler.close_connection = True
        return
    if server.n_busy:
        server.n_busy -= 1
        _send_nothing(handler, 503, {"Retry-After": server.retry_after})
        return
    if server.redirect:
        _send_nothing(handler, 302, {"Location": server.redirect + handler.path})
        return
    server.tags_asked_for |= {tag for tag in [handler.headers.get("If-Match")] if tag is not None}
    if server.heeds_if_match and handler.headers.get("If-Match", server.etag) != server.etag:
        _send_nothing(handler, 412, {})
        return
    if not path.is_file():
        handler.send_error(404)
        return
    size = path.stat().st_size
    byte_range = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range", ""))
    if byte_range and int(byte_range[1]) >= size:
        handler.send_error(416)
        return
    is_range = byte_range is not None and server.fault != "no ranges"
    begin, end = (int(byte_range[1]), min(int(byte_range[2] or size), size - 1)) if is_range else (0, size - 1)
    is_endless = server.fault == "endless" and path.suffix == ".parquet"
    handler.send_response(206 if is_range else 200)
    headers = {"Content-Length": str(ENDLESS_BYTES if is_endless else end + 1 - begin)}
    if server.etag:
        headers["ETag"] = server.etag
    if is_range:
        headers |= {"Content-Range": f"bytes {begin}-{end}/{size}"} | server.headers
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    if handler.command == "GET":
        _send(handler, server, path, begin, end + 1 - begin)
        if is_endless:
            _send_on(handler, server)


def _send_nothing(handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str | None]) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        if value is not None:
            handler.send_header(name, value)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def _send_on(handler: BaseHTTPRequestHandler, server: Server) -> None:
    """Send zeros for as long as somebody reads them."""
    handler.close_connection = True
    piece = bytes(1 << 16)
    try:
        for _ in range(ENDLESS_BYTES // len(piece)):
            handler.wfile.write(piece)
            server.n_bytes_beyond += len(piece)
    except (BrokenPipeError, ConnectionResetError):
        return


def _send(handler: BaseHTTPRequestHandler, server: Server, path: Path, begin: int, n: int) -> None:
    with path.open("rb") as file:
        file.seek(begin)
        body = file.read(n)
    if server.fault == "cut" and path.suffix == ".parquet":
        body = body[: n // 2]
        handler.close_connection = True
    if server.flip is not None:
        body = _flipped(body, server)
    server.requests.append((path.relative_to(server.root).as_posix(), len(body)))
    try:
        handler.wfile.write(body)
    except (BrokenPipeError, ConnectionResetError):  # the reader had enough
        handler.close_connection = True


def _flipped(body: bytes, server: Server) -> bytes:
    """Return a body with one bit flipped, if it is the one to be harmed."""
    number, where = server.flip
    server.flip = (number - 1, where)
    if number != 0 or not body:
        return body
    at = min(int(where * len(body)), len(body) - 1)
    return body[:at] + bytes([body[at] ^ (1 << at % 8)]) + body[at + 1 :]
