"""A sealed atlas while a command adds tables to it: locked, its files looked at, its plan read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attlas.pipeline.directory import read_plan
from attlas.pipeline.lock import hold_lock
from attlas.pipeline.plan import Plan
from attlas.schema import AtlasPaths, Manifest
from attlas.schema.links import refuse_wrong_links


@contextmanager
def hold_sealed(root: Path) -> Iterator[tuple[AtlasPaths, Manifest, Plan]]:
    """Hold the lock of a sealed atlas in the directory in which it was built; give its paths, manifest and plan.

    Raises:
        PlanError: there is no plan, as in a release; or another command is writing to the atlas.
        BrokenAtlasError: there is no manifest; or files are links to other bytes than the manifest says.
    """
    paths = AtlasPaths(root)
    Manifest.read(paths)  # before the lock: where there is no atlas, no directory is made

    with hold_lock(paths):
        manifest, plan = Manifest.read(paths), read_plan(paths)
        refuse_wrong_links(paths.root, manifest.files)
        yield paths, manifest, plan
