"""The process from which workers fork ends with the command that started it, also while it imports."""

import os
import signal
import subprocess
import sys
import time

import pytest

PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""
CHILD = """
import time
from attlas.pipeline.workers.libraries import ending_with_parent
with ending_with_parent():
    print("ready", flush=True)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        sum(range(1000))
"""


@pytest.mark.thorough
@pytest.mark.slow
def test_a_process_that_imports_ends_when_its_parent_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, CHILD], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.communicate()

    deadline = time.monotonic() + 15
    while is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not is_alive(child)


def is_alive(pid: int) -> bool:
    """Return whether a process runs; one that has ended and that nobody has asked for does not."""
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123 - /proc
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
