"""Packs of sequences run in a process that nobody else needs, which tells of each that begins and that comes through.

    python -P -m attlas.pipeline.workers.trial ROOT N_THREADS < packs

The process loads the model and runs the packs, one after the other. Results are thrown away.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from attlas.schema import DeviceFault, Fault
from attlas.schema.errors import first_line

Pack = Mapping[int, str]
"""Sequences that run together, by `sequence_id`."""


@dataclass(frozen=True)
class PackTrial:
    """What became of a process that ran packs."""

    n_finished: int
    """Packs that came through."""
    has_begun: bool
    """Whether the process ended during the next one."""
    cause: str
    """How the process ended, in words."""


def run_packs(root: str, n_threads: int, packs: Sequence[Pack], begin: Callable[[Pack], None]) -> PackTrial:
    """Run packs in a process of their own, which ends when they are done, and whenever this process ends.

    Args:
        root: directory of the atlas.
        n_threads: threads of torch.
        packs: the packs, in order.
        begin: is called with each that begins.

    Raises:
        DeviceFault: the model cannot be run in another process beside this one.
    """
    # Without -P, a file queue.py in the current directory would be imported in place of Python's own.
    words = [sys.executable, "-P", "-m", "attlas.pipeline.workers.trial", root, str(n_threads)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a process without pipes")
        # Its input stays open: the process ends when this one does, because the pipe closes then.
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps([list(pack.values()) for pack in packs]) + "\n")
            process.stdin.flush()

        n_begun = n_finished = 0
        fault = ""
        for line in process.stdout:
            word, _, text = line.strip().partition(" ")
            if word == "begin":
                begin(packs[n_begun])
                n_begun += 1
            n_finished += word == "end"
            fault = text if word == "fault" else fault

        process.wait()
        with suppress(BrokenPipeError):
            process.stdin.close()
    if fault:
        raise DeviceFault(
            "The model cannot be run in another process of this worker.",
            found=fault,
            hint="see whether there is memory for the model twice (nvidia-smi, free)",
        )
    return PackTrial(n_finished, n_begun > n_finished, describe_end(process.returncode))


def describe_end(code: int) -> str:
    """Return how a process ended, from its exit status as `subprocess` has it."""
    if code == -signal.SIGKILL:
        return "probably out of memory"
    if code < 0:
        return f"by signal {-code} ({signal.strsignal(-code)})"
    return f"with exit status {code}"


def main(root: str, n_threads: int) -> None:
    """Run the packs that stdin has in its first line, and say on stdout which of them begins and ends."""
    from attlas.pipeline.workers.runners import load_plan_and_model

    packs = json.loads(sys.stdin.readline())
    _volunteer_to_be_killed()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _, _, encoder = load_plan_and_model(root, n_threads)
        for pack in packs:
            print("begin", flush=True)
            try:
                encoder.start(pack).results()
            except Fault:
                raise
            except Exception:  # what fails without ending the process is the shard's own affair
                encoder.free_memory()
            print("end", flush=True)
    except Fault as fault:
        print("fault", first_line(fault), flush=True)


def _end_with_parent() -> None:
    """End this process as soon as its input closes."""
    while os.read(0, 1):
        pass
    os._exit(1)


def _volunteer_to_be_killed() -> None:
    """Let Linux end this process rather than the worker, where memory runs out."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
