"""A proxy before an object store that fails as networks and stores do: 503, slow answers, answers that are lost."""

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

METHODS = ("GET", "PUT", "HEAD", "POST", "DELETE")
HOP_HEADERS = {"connection", "transfer-encoding", "keep-alive"}
"""Headers that belong to one connection, not to the request or the answer."""


@dataclass(frozen=True)
class Failure:
    """How a request fails."""

    kind: str
    """`busy`: 503, nothing is done; `lost`: done, without an answer; `slow`: done, answered late."""
    seconds: float = 0


@dataclass
class FaultyProxy:
    """A proxy that runs; `choose` says which requests fail, by method and path."""

    port: int
    choose: Callable[[str, str], Failure | None] = lambda method, path: None
    requests: list[tuple[str, str, Failure | None]] = field(default_factory=list)
    """Every request with its failure, in the order in which they came."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def open_proxy(target_port: int) -> Iterator[FaultyProxy]:
    """Yield a proxy before the server at a port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self) -> None:
            """Pass a request on to the server, and the answer back, unless it is to fail."""
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            failure = proxy.choose(self.command, self.path)
            proxy.requests.append((self.command, self.path, failure))
            if failure is not None and failure.kind == "busy":
                self.send_response(503)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return

            connection = http.client.HTTPConnection("127.0.0.1", target_port, timeout=30)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_HEADERS}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            data = answer.read()
            connection.close()

            if failure is not None and failure.kind == "slow":
                time.sleep(failure.seconds)
            if failure is not None and failure.kind == "lost":
                self.close_connection = True
                self.connection.close()
                return
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in HOP_HEADERS | {"content-length"}:
                    self.send_header(name, value)
            length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
            self.send_header("Content-Length", length or "0")
            with suppress(ConnectionError):  # the client has given up waiting
                self.end_headers()
                self.wfile.write(data)

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    for method in METHODS:
        setattr(Handler, f"do_{method}", Handler.pass_on)  # the names by which the library looks for them

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        proxy = FaultyProxy(server.server_address[1])
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield proxy
        finally:
            server.shutdown()
