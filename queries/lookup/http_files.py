"""Files behind http or https, read by ranges with aiohttp: bounded in bytes, time and redirects.

No answer takes more memory than was asked for, whatever a server sends. Each request says by If-Match which version of
the file it is about, where the server has named one, and an answer of another version is refused.
"""

import asyncio
import email.utils
import re
import threading
import time
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from attlas.queries.lookup.network_errors import not_as_noted, not_there, translate_errors, unreachable
from attlas.schema import BrokenAtlasError, EnvironmentFault

if TYPE_CHECKING:
    import aiohttp

SILENCE_S = 60.0
"""How long to wait for a connection, and between two pieces of an answer."""
REQUEST_S = 600.0
"""How long a request may take in all, with its repetitions."""
MOST_REDIRECTS = 5
N_ATTEMPTS = 4
"""How often a request is made of a server that is too busy to answer it."""
FIRST_DELAY_S = 0.5
"""Wait before the second attempt where the server names none; it doubles with each."""
LONGEST_DELAY_S = 20.0
"""A server that asks to wait longer is not waited for."""
BUSY = (429, 503)
"""Status: too many requests, and service unavailable."""
PIECE_BYTES = 1 << 16

_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)", re.ASCII)
"""First byte, last byte and size of the file; no file has more bytes than 19 digits say."""
MOST_SHOWN = 200
"""Characters of a header that an error shows: a server may send thousands."""


@dataclass(frozen=True)
class _Response:
    """The answer of a server to one request."""

    status: int
    reason: str
    headers: Any
    body: bytes


class HttpFiles:
    """The files below a URL, each read by ranges."""

    def __init__(self, base: str, *, timeout_s: float | None = None) -> None:
        """Remember where the files are; nothing is read.

        Args:
            base: the URL, without a slash at its end.
            timeout_s: how long a request may take in all; None or more than `REQUEST_S`: as long as that.
        """
        self._base = base
        self._timeout_s = min(timeout_s or REQUEST_S, REQUEST_S)
        self._tags: dict[str, str] = {}
        """ETag of each file, by path, as the first answer named it."""
        self._session: aiohttp.ClientSession | None = None
        self._lock = threading.Lock()

    def read(self, path: str, start: int, n: int, *, n_bytes: int) -> bytes:
        """Return bytes `start` to `start + n` of a file that has `n_bytes`.

        Raises:
            BrokenAtlasError: the file is not there, has another size, or was changed since it was first read.
            EnvironmentFault: the server cannot be reached, or answers no range requests.
        """
        address = f"{self._base}/{path}"
        answer = self._get(path, {"Range": f"bytes={start}-{start + n - 1}"}, max_bytes=n)
        # 200 is the whole file: a server that does not know ranges would send it for every lookup.
        if answer.status == 200:
            hint = "download the release and open it by path, or put it on a server that answers range requests"
            raise EnvironmentFault(f"The server of {address} answers no range requests.", hint=hint)
        if answer.status == 416:
            raise not_as_noted(address, expected=f"{n_bytes:,} bytes", observed=f"none from byte {start:,} on")

        content_range_match = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if content_range_match is None or int(content_range_match[1]) != start:
            content_range = _shorten(answer.headers.get("Content-Range"))
            raise unreachable(address, f"an answer without the range asked for: {content_range!r}")
        if content_range_match[3] not in ("*", str(n_bytes)):
            raise not_as_noted(
                address, expected=f"{n_bytes:,} bytes", observed=f"{int(content_range_match[3]):,} bytes"
            )
        if len(answer.body) != n:
            expected = f"{n:,} bytes from byte {start:,} of {n_bytes:,}"
            raise not_as_noted(address, expected=expected, observed=f"{len(answer.body):,} bytes")

        return answer.body

    def read_whole(self, path: str, *, max_bytes: int) -> bytes:
        """Return a whole file of at most `max_bytes` bytes, in one request.

        Raises:
            BrokenAtlasError: it is not there, or is larger.
            EnvironmentFault: the server cannot be reached.
        """
        answer = self._get(path, {}, max_bytes=max_bytes + 1)
        if len(answer.body) > max_bytes:
            raise unreachable(f"{self._base}/{path}", f"more than {max_bytes:,} bytes")
        return answer.body

    def close(self) -> None:
        """Close the connections that are kept open."""
        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            _close_soon(session)

    def _get(self, path: str, headers: dict[str, str], *, max_bytes: int) -> _Response:
        """Return the answer to a request, its body cut off at `max_bytes` bytes; errors of the server are raised."""
        address = f"{self._base}/{path}"

        with translate_errors(address):
            try:
                answer = _wait_for(self._request(address, headers | self._if_match(path), max_bytes))
            except TimeoutError as error:
                # aiohttp says in words that it heard nothing for too long; the limit of the request has no words.
                seconds = min(SILENCE_S, self._timeout_s) if str(error) else self._timeout_s
                raise unreachable(address, f"no answer within {seconds:g} s") from error

        if answer.status == 404:
            raise not_there(address)

        if answer.status in BUSY:
            delay = _shorten(answer.headers.get("Retry-After"))
            wish = f"; the server asks to wait {delay!r}" if delay else ""
            raise unreachable(address, f"{answer.status}, {_shorten(answer.reason)}{wish}")

        if answer.status == 412 or not self._is_same_version(path, answer):
            raise BrokenAtlasError(
                f"{address} was changed while it was read.",
                expected=f"the version {_shorten(self._tags.get(path))}",
                found=_shorten(answer.headers.get("ETag")),
                hint="open the atlas again: it was published anew, or a part of it was",
            )
        if answer.status not in (200, 206, 416):
            raise unreachable(address, f"{answer.status}, {_shorten(answer.reason)}")
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise unreachable(address, f"a compressed answer: {_shorten(answer.headers['Content-Encoding'])!r}")
        return answer

    def _if_match(self, path: str) -> dict[str, str]:
        tag = self._tags.get(path, "W/")
        return {} if tag.startswith("W/") else {"If-Match": tag}  # a weak tag never matches

    def _is_same_version(self, path: str, answer: _Response) -> bool:
        """Return True if an answer is of the version of the file that was read first, which is remembered."""
        tag: str | None = answer.headers.get("ETag")
        if tag is None or answer.status not in (200, 206):
            return True
        return bool(self._tags.setdefault(path, tag) == tag)

    async def _request(self, address: str, headers: dict[str, str], max_bytes: int) -> _Response:
        until = time.monotonic() + self._timeout_s
        delay = FIRST_DELAY_S

        for attempt in range(1, N_ATTEMPTS + 1):
            async with asyncio.timeout(until - time.monotonic()):
                answer = await self._request_once(address, headers, max_bytes)

            # A busy server is asked again after the delay it names, while the time limit lasts.
            if answer.status not in BUSY or attempt == N_ATTEMPTS:
                break

            wait_s = _retry_after(answer.headers.get("Retry-After"), default=delay)
            if wait_s > LONGEST_DELAY_S or time.monotonic() + wait_s > until:
                break

            await asyncio.sleep(wait_s)
            delay *= 2

        return answer

    async def _request_once(self, address: str, headers: dict[str, str], max_bytes: int) -> _Response:
        session = self._opened_session()
        async with session.get(address, headers=headers, max_redirects=MOST_REDIRECTS) as response:
            body = bytearray()
            while response.status in (200, 206) and len(body) < max_bytes:
                piece = await response.content.read(min(PIECE_BYTES, max_bytes - len(body)))
                if not piece:
                    break
                body += piece

            if not response.content.at_eof():
                response.close()  # with what the server would send beyond, unread
            return _Response(response.status, response.reason or "", response.headers, bytes(body))

    def _opened_session(self) -> "aiohttp.ClientSession":
        import aiohttp

        with self._lock:
            if self._session is None:
                silence_s = min(SILENCE_S, self._timeout_s)
                self._session = aiohttp.ClientSession(
                    timeout=aiohttp.ClientTimeout(total=None, sock_connect=silence_s, sock_read=silence_s),
                    headers={"Accept-Encoding": "identity"},  # a compressed answer has other ranges than the file
                    auto_decompress=False,
                )
                weakref.finalize(self, _close_soon, self._session)
            return self._session


def _shorten(header: str | None) -> str | None:
    """Return a header as errors show it."""
    return header if header is None or len(header) <= MOST_SHOWN else f"{header[:MOST_SHOWN]}…"


def _wait_for(request: Any) -> _Response:
    """Return the result of a coroutine, run in the thread that fsspec keeps for all network; Ctrl-C interrupts it."""
    from fsspec.asyn import get_loop

    future = asyncio.run_coroutine_threadsafe(request, get_loop())
    try:
        answer: _Response = future.result()
    except KeyboardInterrupt:
        future.cancel()
        raise
    return answer


def _close_soon(session: "aiohttp.ClientSession") -> None:
    """Close a session in its own thread, without waiting for longer than a moment."""
    from fsspec.asyn import get_loop, iothread

    if session.closed or get_loop().is_closed():
        return

    closing = asyncio.run_coroutine_threadsafe(session.close(), get_loop())
    if threading.current_thread() is not iothread[0]:
        try:
            closing.result(1)
        except Exception:  # at the end of a process that thread may be gone
            return


def _retry_after(text: str | None, *, default: float) -> float:
    """Return the seconds that a server asks to wait, in either form of Retry-After; `default` where it is neither."""
    if text is None:
        return default
    if text.strip().isdecimal():
        return float(text)

    try:
        until = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return default
    return max(0.0, until.timestamp() - time.time())
