"""The process that answers the calls of an assistant (`working.py`): it can be killed at any moment of a query.

An interrupt does not reach every query of DuckDB, and one may take more memory than there is. Calls and answers are
lines of JSON, over the standard input and output of that process.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from attlas.assistant.faults import fault_json
from attlas.schema import EnvironmentFault, QuestionError

COMMAND = (sys.executable, "-P", "-m", "attlas.assistant.working")
"""What starts the process; its settings follow as JSON."""
GRACE_S = 15.0
"""Seconds beyond the time limit of a query, within which the process stops it by itself and says so."""
MOST_REPLY_BYTES = 1_000_000
"""Most bytes of a line of the process; answers are far smaller (`answers.MOST_ROW_BYTES`)."""


@dataclass(frozen=True)
class Settings:
    """What the process is started with."""

    place: str
    """Directory or URL of the atlas."""
    memory_limit: str | None
    """What a query may take of memory before it spills to disk."""
    timeout_s: float | None
    """What a query may take; None: no limit."""


class ToolProcess:
    """The process behind the tools, started anew whenever it has ended; it answers one call after another."""

    def __init__(self, settings: Settings, *, command: Sequence[str] | None = None, grace_s: float = GRACE_S) -> None:
        """Start nothing yet.

        Args:
            settings: what the process is started with.
            command: what starts it; None: COMMAND.
            grace_s: seconds beyond the time limit of a query that a call is waited for.
        """
        self._command = [*(command or COMMAND), json.dumps(asdict(settings))]
        self._limit_s = None if settings.timeout_s is None else settings.timeout_s + grace_s
        self._turn = anyio.Lock()
        self._process: Process | None = None

    async def start(self) -> Process:
        """Start the process, unless it runs, and return it; it opens the atlas while this one goes on."""
        if self._process is None or self._process.returncode is not None:
            # In a session of its own: Ctrl-C goes to the server alone, without which the process ends.
            self._process = await anyio.open_process(self._command, stderr=None, start_new_session=True)
        return self._process

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
        """Return the answer of a tool, or its error, as JSON values, and whether it is an error.

        A call that is cancelled ends the process, and its query with it.
        """
        async with self._turn:
            process = await self.start()
            try:
                with anyio.fail_after(self._limit_s):
                    reply = await _exchange(process, {"tool": tool, "arguments": arguments})
            except TimeoutError:
                await self.kill()
                message = f"This call of {tool} was stopped after {self._limit_s:g} s."
                return fault_json(QuestionError(message, hint="ask for less, or start the server with --timeout")), True
            except (anyio.EndOfStream, anyio.IncompleteRead, anyio.BrokenResourceError, anyio.DelimiterNotFound):
                await self.kill()
                hint = "ask for less; the server's error output may say more"
                message = f"The process that answered this call of {tool} ended, perhaps because memory ran out."
                return fault_json(EnvironmentFault(message, hint=hint)), True
            except BaseException:
                await self.kill()
                raise

            if reply["is_last"]:
                await self.kill()
            return reply["values"], reply["is_error"]

    async def kill(self) -> None:
        """End the process at once, whatever it is doing."""
        process, self._process = self._process, None
        if process is not None:
            with anyio.CancelScope(shield=True):
                if process.returncode is None:
                    process.kill()
                await process.aclose()


async def _exchange(process: Process, call: dict[str, Any]) -> dict[str, Any]:
    """Send a call to the process and return its reply."""
    assert process.stdin is not None
    assert process.stdout is not None
    await process.stdin.send(json.dumps(call).encode() + b"\n")
    line = await BufferedByteReceiveStream(process.stdout).receive_until(b"\n", MOST_REPLY_BYTES)
    reply: dict[str, Any] = json.loads(line)
    return reply
