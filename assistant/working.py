"""The process that answers calls: reads one line of JSON after the other, and writes a line for each.

Started by `process.py` as `python -m attlas.assistant.working SETTINGS`. Whatever else is printed goes to standard
error.
"""

import json
import os
import sys
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from attlas.assistant.faults import fault_json, unexpected_json
from attlas.assistant.process import Settings
from attlas.assistant.tools import call_tool
from attlas.queries import Atlas
from attlas.queries.engine.parent_process import end_with_parent
from attlas.queries.engine.running import THREAD
from attlas.schema import Fault


def work(settings: Settings, calls: BinaryIO, replies: BinaryIO) -> None:
    """Answer the calls that come, until there are no more."""
    end_with_parent(os.getppid())
    atlas: Atlas | None = None
    for line in calls:
        call = json.loads(line)
        try:
            atlas = open_current(atlas, settings)
        except Fault as fault:
            values, is_error = fault_json(fault), True
        else:
            values, is_error = answer_call(atlas, call["tool"], call["arguments"], timeout_s=settings.timeout_s)

        # A query may work on that no interrupt reaches: it ends with this process.
        is_last = any(thread.name == THREAD for thread in threading.enumerate())
        reply = {"values": values, "is_error": is_error, "is_last": is_last}
        replies.write(json.dumps(reply).encode() + b"\n")
        replies.flush()
        if is_last:
            return


def answer_call(
    atlas: Atlas, tool: str, arguments: Mapping[str, Any], *, timeout_s: float | None
) -> tuple[dict[str, Any], bool]:
    """Return the answer of a tool, or its error, as JSON values, and whether it is an error."""
    try:
        return call_tool(atlas, tool, arguments, timeout_s=timeout_s), False
    except Fault as fault:
        return fault_json(fault), True
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        return unexpected_json(error), True


def open_current(atlas: Atlas | None, settings: Settings) -> Atlas:
    """Return the atlas, opened anew where its manifest was changed, as when a table is added while it is served.

    Raises:
        BrokenAtlasError: there is no whole atlas any more.
    """
    if atlas is not None and not isinstance(atlas.root, Path):
        return atlas
    newest_atlas = Atlas.open(settings.place, memory_limit=settings.memory_limit, timeout_s=settings.timeout_s)
    if atlas is None or newest_atlas.manifest != atlas.manifest:
        if atlas is not None:
            atlas.close()
        return newest_atlas
    return atlas


def main() -> None:
    """Answer on what was standard output; from now on, that is standard error."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    work(Settings(**json.loads(sys.argv[1])), sys.stdin.buffer, replies)
    os._exit(0)  # without waiting for a query


if __name__ == "__main__":
    main()
