"""A server at work: its socket, what it says when it starts, and its end at Ctrl-C."""

import asyncio
import socket
from collections.abc import Callable
from ipaddress import ip_address
from types import FrameType

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from attlas.schema import EnvironmentFault, QuestionError
from attlas.serve.service import Service

GRACE_S = 2
"""Seconds that answers on their way may take after Ctrl-C."""
HEAD_S = 15
"""Seconds within which the head of a request has to arrive, and a connection without a request is closed."""
HIGHEST_PORT = 65_535
LOOPBACK_NAMES = ("localhost", "::1")


class Server(uvicorn.Server):
    """uvicorn's server, which says when it is ready, and ends the workers at once when it has to stop."""

    def __init__(self, config: uvicorn.Config, *, announce: Callable[[], None], end: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce
        self._end = end

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        if self.started:
            self._announce()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End: first the workers, whose answers others wait for."""
        self._end()
        super().handle_exit(sig, frame)


class PatientProtocol(H11Protocol):
    """HTTP that waits only so long for the head of a request: a slow client would keep its connection for ever."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to count the time of a new connection."""
        super().connection_made(transport)
        self._timer: asyncio.TimerHandle | None = None
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        """Take what has come; count the time while it is not a whole head."""
        super().data_received(data)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop counting."""
        self._stop_timer()
        super().connection_lost(exc)

    def _watch_head(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._stop_timer()
        elif self._timer is None:
            self._timer = self.loop.call_later(HEAD_S, self.transport.close)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def open_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens; with `port` 0, at any free port.

    Raises:
        QuestionError: there is no such address or port.
        EnvironmentFault: the port is in use, or may not be used.
    """
    if not 0 <= port <= HIGHEST_PORT:
        raise QuestionError(f"{port} is no port.", expected=f"0 to {HIGHEST_PORT}")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise QuestionError(f"{host} is no address of this machine.", found=str(error)) from error

    listening = socket.socket(family, kind, protocol)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
        listening.listen()
    except OSError as error:
        listening.close()
        hint = "give another one with --port, or --port 0 for any that is free"
        raise EnvironmentFault(f"Port {port} of {host} cannot be used.", found=str(error), hint=hint) from error
    return listening


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() in LOOPBACK_NAMES


def names_of(host: str) -> tuple[str, ...]:
    """Return the names by which browsers may call a server that listens at an address."""
    try:
        is_any = ip_address(host).is_unspecified
    except ValueError:
        is_any = False
    if not is_any:
        return (host,)

    # Every address of this machine, and its name.
    name = socket.gethostname()
    try:
        addresses = {str(entry[4][0]) for entry in socket.getaddrinfo(name, None)}
    except OSError:
        addresses = set()
    return (name, *sorted(addresses))


def run(app: FastAPI, listening: socket.socket, *, announce: Callable[[], None] = lambda: None) -> None:
    """Serve an application until Ctrl-C or the signal TERM; `announce` is called when it answers."""
    service: Service = app.state.service
    config = uvicorn.Config(
        app,
        http=PatientProtocol,
        ws="none",
        log_level="warning",
        use_colors=False,  # a terminal would show their codes
        server_header=False,
        limit_concurrency=service.limits.n_connections,
        timeout_graceful_shutdown=GRACE_S,
        timeout_keep_alive=HEAD_S,
    )

    server = Server(config, announce=announce, end=service.pool.close)
    try:
        server.run(sockets=[listening])
    except KeyboardInterrupt:  # uvicorn raises it again when all is closed
        pass
    finally:
        service.close()
