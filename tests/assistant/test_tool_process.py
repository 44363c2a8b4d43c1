"""The process behind the tools: killed where a call takes too long or is cancelled, and started anew for the next."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest

from attlas.assistant.process import Settings, ToolProcess

pytestmark = pytest.mark.slow

SETTINGS = Settings("atlas", None, 0.1)
ANSWER = """
import json, os, sys
for line in sys.stdin:
    call = json.loads(line)
    reply = {"values": {"pid": os.getpid(), **call}, "is_error": False, "is_last": call["tool"] == "last"}
    print(json.dumps(reply), flush=True)
"""
HANG = "import sys, time; sys.stdin.readline(); time.sleep(60)"
END = "import sys; sys.stdin.readline()"
BABBLE = "import sys; sys.stdin.readline(); print('x' * 3_000_000)"


def _run(script: str, work: Callable[[ToolProcess], Awaitable[Any]], *, grace_s: float = 20) -> Any:
    """Return the result of `work` for a process that runs a script of Python; it is killed at the end."""

    async def run() -> Any:
        process = ToolProcess(SETTINGS, command=(sys.executable, "-c", script), grace_s=grace_s)
        try:
            return await work(process)
        finally:
            await process.kill()

    return anyio.run(run)


def test_calls_are_answered_by_one_process_and_by_another_after_its_last() -> None:
    async def work(process: ToolProcess) -> list[int]:
        return [(await process.call(tool, {"n": 1}))[0]["pid"] for tool in ("a", "b", "last", "c")]

    first_pid, second_pid, third_pid, fourth_pid = _run(ANSWER, work)
    assert first_pid == second_pid == third_pid != fourth_pid
    assert not psutil.pid_exists(first_pid)
    assert not psutil.pid_exists(fourth_pid)


@pytest.mark.parametrize(
    ("script", "grace_s", "message"),
    [
        (HANG, 0.3, "This call of sql was stopped after 0.4 s"),
        (END, 20, "ended, perhaps because memory ran out"),
        (BABBLE, 20, "ended, perhaps because memory ran out"),
    ],
    ids=["hangs", "ends", "babbles"],
)
def test_a_process_that_does_not_answer_is_killed_and_the_error_says_what_to_do(
    script: str, grace_s: float, message: str
) -> None:
    async def work(process: ToolProcess) -> tuple[dict[str, Any], bool, int]:
        pid = (await process.start()).pid
        return *(await process.call("sql", {"query": "SELECT 1"})), pid

    values, is_error, pid = _run(script, work, grace_s=grace_s)
    assert is_error
    assert message in values["error"]
    assert values["to_do"].startswith("ask for less")
    assert not psutil.pid_exists(pid)


def test_a_call_that_is_cancelled_ends_the_process_and_its_query(tmp_path: Path) -> None:
    async def work(process: ToolProcess) -> int:
        pid = (await process.start()).pid
        with anyio.move_on_after(0.3):
            await process.call("sql", {})
        return pid

    assert not psutil.pid_exists(_run(HANG, work))
