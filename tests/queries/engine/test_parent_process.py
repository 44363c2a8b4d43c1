"""A process that answers for a server does not outlive it."""

import subprocess
import sys

import pytest

CHILD = """
import sys, time
from attlas.queries.engine.parent_process import end_with_parent
end_with_parent(int(sys.argv[1]))
print("watching", file=sys.stderr, flush=True)
time.sleep(60)
"""
PARENT = f"""
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {CHILD!r}, str(os.getpid())], stderr=subprocess.PIPE)
assert child.stderr.readline() == b"watching\\n"
os._exit(0)
"""
LIMIT_S = 30
"""Enough for a start of Python on a loaded machine, and less than the child sleeps."""


@pytest.mark.thorough
def test_a_process_ends_soon_after_its_parent() -> None:
    # The pipe closes when the last process that holds it has ended: the child.
    ended = subprocess.run([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, timeout=LIMIT_S, check=True)
    assert ended.stdout == b""
