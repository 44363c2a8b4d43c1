"""A probe of an atlas in this process, without a word; and its task by itself, to be run or spoilt."""

from pathlib import Path

from attlas.pipeline.directory import read_plan
from attlas.pipeline.lock import hold_lock
from attlas.pipeline.pass_task import digest_inputs
from attlas.pipeline.passes import run_pass
from attlas.pipeline.probe.adding import add_probe
from attlas.pipeline.probe.probing import TABLES, Probe
from attlas.schema import HEAD_FEATURES, AtlasPaths, Manifest
from helpers.passes_here import say_nothing

DEFAULTS = {"theta": 0.3, "types": None, "is_by_letter": True}


def probe_here(root: Path, **options: object) -> Manifest:
    """Probe an atlas for its letters and all types of features, unless options say otherwise."""
    return add_probe(root, **({"progress": say_nothing, "n_workers": 0} | DEFAULTS | options))


def make_probe(root: Path, kind: type[Probe] = Probe, **changes: object) -> Probe:
    """Return the task of such a probe of an atlas as it is now."""
    manifest = Manifest.read(AtlasPaths(root))
    inputs = digest_inputs(manifest, HEAD_FEATURES)
    return kind(**{"atlas_id": manifest.atlas_id, "inputs": inputs} | DEFAULTS | changes)


def run_probe(root: Path, probe: Probe, *, n_workers: int, scheduler: str | None) -> None:
    """Run the task of a probe over all shards of an atlas."""
    paths = AtlasPaths(root)
    plan = read_plan(paths)
    options = {"progress": say_nothing, "n_workers": n_workers, "scheduler": scheduler}
    with hold_lock(paths):
        run_pass(paths, plan, probe, tables=TABLES, shards=plan.shards, **options)
