"""A command that a part runs, with a limit of time."""

import signal
import subprocess
import tempfile

GRACE_S = 10
"""Seconds that a command has to end by itself, after which it is killed."""


def run_command(command: list[str], *, limit_s: float, grace_s: float = GRACE_S) -> tuple[int | None, str]:
    """Run a command; return its exit code, None where it was ended at the limit, and what it wrote to stderr."""
    # A file, because a pipe stays open as long as any process that the command started.
    with tempfile.TemporaryFile("w+", errors="replace") as errors:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        try:
            code = process.wait(timeout=limit_s)
        except subprocess.TimeoutExpired:
            end_process(process, grace_s=grace_s)
            return None, ""
        errors.seek(0)
        return code, errors.read()


def end_process(process: subprocess.Popen[bytes], *, grace_s: float) -> None:
    """Interrupt a process, at which attlas ends its workers, too; kill it where it does not end."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=grace_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
