"""The shards of a planned atlas computed by a task, on workers that are started for it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from attlas.pipeline.directory import read_plan
from attlas.pipeline.encode import encode
from attlas.pipeline.lock import hold_lock
from attlas.pipeline.plan import Plan
from attlas.schema import AtlasPaths


def encode_here(root: Path, task: Any, *, progress: Callable[[Any], None], n_workers: int) -> Plan:
    """Compute all shards under the lock of the atlas, and return its plan."""
    paths = AtlasPaths(root)
    plan = read_plan(paths)
    with hold_lock(paths):
        encode(paths, plan, shards=plan.shards, progress=progress, n_workers=n_workers, task=task)
    return plan
