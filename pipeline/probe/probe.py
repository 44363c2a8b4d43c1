"""A probe of a sealed atlas: the model once more over every shard, with labels pushed in; resumable like a build."""

from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from attlas.pipeline.adding import add_files
from attlas.pipeline.build import Progress, encode
from attlas.pipeline.directory import is_as_noted, locked, read_plan
from attlas.pipeline.plan import Plan, Shard
from attlas.pipeline.probe.shard import Probe
from attlas.schema import (
    FEATURES,
    HEAD_FEATURES,
    LABELS,
    AtlasPaths,
    InputError,
    Manifest,
    Receipt,
)


def probe(
    root: Path,
    *,
    theta: float,
    types: Sequence[str] | None,
    is_by_letter: bool,
    progress: Callable[[Plan, Sequence[Shard]], Progress],
    n_workers: int | None = None,
    scheduler: str | None = None,
) -> Manifest:
    """Compute the tables `labels` and `head_features` of a sealed atlas and add them; shards already done are kept.

    Raises:
        InputError: theta is no share, or a type of feature is asked for that the atlas does not hold.
        PlanError: there is no plan, as in a release: a probe needs the directory the atlas was built in.
        EnvironmentFault: as `build.encode`.
    """
    paths = AtlasPaths(root)
    with locked(paths):
        manifest, plan = Manifest.read(paths), read_plan(paths)
        asked = _asked(paths, manifest, theta=theta, types=types, is_by_letter=is_by_letter)
        done = _done(paths, plan, asked)
        missing = [shard for shard in plan.shards if shard.index not in done]
        if missing:
            report = progress(plan, missing)
            encode(paths, plan, shards=missing, progress=report, n_workers=n_workers, scheduler=scheduler, task=asked)
            done = _done(paths, plan, asked)
        files = [file for index in sorted(done) for file in done[index].files]
        return add_files(paths, files, is_replaced=lambda file: file.table in (LABELS.name, HEAD_FEATURES.name))


def _asked(
    paths: AtlasPaths, manifest: Manifest, *, theta: float, types: Sequence[str] | None, is_by_letter: bool
) -> Probe:
    if not 0 < theta < 1:
        raise InputError("Theta is the attention from which on a pair counts.", expected="0 to 1", found=str(theta))
    files = manifest.of_table(FEATURES)
    there: set[str] = set()
    for file in files:
        there.update(pc.unique(pq.read_table(paths.root / file.path, columns=["type"])["type"]).to_pylist())
    if unknown := sorted(set(types or ()) - there):
        raise InputError(
            f"The atlas holds no feature of {len(unknown)} of the types asked for.",
            expected=", ".join(sorted(there)) or "features, added with `attlas annotate`",
            offenders=unknown,
        )
    return Probe(
        atlas_id=manifest.atlas_id,
        theta=theta,
        types=None if types is None else tuple(sorted(set(types))),
        is_by_letter=is_by_letter,
        features_sha256=tuple(sorted(file.sha256 for file in files)),
        attlas_version=version("attlas"),
    )


def _done(paths: AtlasPaths, plan: Plan, asked: Probe) -> dict[int, Receipt]:
    """Return the receipts of this probe whose files are as noted."""
    found = {}
    for shard in plan.shards:
        path = asked.receipt(paths, shard.index)
        if path.is_file():
            receipt = Receipt.read(path)
            if all(is_as_noted(paths.root / file.path, file) for file in receipt.files):
                found[shard.index] = receipt
    return found
