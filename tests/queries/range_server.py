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


@dataclass
class Server:
    """What was asked of a server and what it sent."""

    root: Path
    url: str = ""
    fault: str = ""
    """`no ranges`, `refused` (403 to all), or `cut` (the connection ends halfway through a body); "" is none."""
    requests: list[tuple[str, int]] = field(default_factory=list)
    """Path and bytes of each body sent."""

    @property
    def n_bytes(self) -> int:
        return sum(n for _, n in self.requests)

    def forget(self) -> None:
        self.requests.clear()


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
        http.shutdown()
        thread.join()
        http.server_close()


def _answer(handler: BaseHTTPRequestHandler, server: Server) -> None:
    path = server.root / unquote(handler.path).lstrip("/")
    if server.fault == "refused":
        handler.send_error(403)
        return
    if not path.is_file():
        handler.send_error(404)
        return
    size = path.stat().st_size
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range", ""))
    if asked and int(asked[1]) >= size:
        handler.send_error(416)
        return
    is_range = asked is not None and server.fault != "no ranges"
    first, last = (int(asked[1]), min(int(asked[2] or size), size - 1)) if is_range else (0, size - 1)
    handler.send_response(206 if is_range else 200)
    if is_range:
        handler.send_header("Content-Range", f"bytes {first}-{last}/{size}")
    handler.send_header("Content-Length", str(last + 1 - first))
    handler.end_headers()
    if handler.command == "GET":
        _send(handler, server, path, first, last + 1 - first)


def _send(handler: BaseHTTPRequestHandler, server: Server, path: Path, first: int, n: int) -> None:
    with path.open("rb") as file:
        file.seek(first)
        body = file.read(n)
    if server.fault == "cut" and path.suffix == ".parquet":
        body = body[: n // 2]
        handler.close_connection = True
    server.requests.append((path.relative_to(server.root).as_posix(), len(body)))
    try:
        handler.wfile.write(body)
    except (BrokenPipeError, ConnectionResetError):  # the reader had enough
        handler.close_connection = True
