"""A probe of a sealed atlas: the model once more over every shard, with labels pushed in; resumable like a build."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from attlas.pipeline.directory import locked, read_plan
from attlas.pipeline.passes import Begin, inputs_of, run_pass
from attlas.pipeline.probe.shard import TABLES, Probe
from attlas.schema import FEATURES, AtlasPaths, InputError, Manifest
from attlas.schema.links import refuse_wrong_links


def probe(
    root: Path,
    *,
    theta: float,
    types: Sequence[str] | None,
    is_by_letter: bool,
    progress: Begin,
    n_workers: int | None = None,
    scheduler: str | None = None,
) -> Manifest:
    """Compute the tables of a probe of a sealed atlas and add them; shards already done are kept.

    Raises:
        InputError: theta is no share, or a type of feature is asked for that the atlas does not hold.
        PlanError: there is no plan, as in a release: a probe needs the directory the atlas was built in.
        EnvironmentFault: as `encode.encode`.
    """
    paths = AtlasPaths(root)
    Manifest.read(paths)  # before the lock: where there is no atlas, no directory is made
    with locked(paths):
        manifest, plan = Manifest.read(paths), read_plan(paths)
        refuse_wrong_links(paths.root, manifest.files)
        asked = _asked(paths, manifest, theta=theta, types=types, is_by_letter=is_by_letter)
        return run_pass(
            paths,
            plan,
            asked,
            tables=TABLES,
            shards=plan.shards,
            progress=progress,
            n_workers=n_workers,
            scheduler=scheduler,
        )


def _asked(
    paths: AtlasPaths, manifest: Manifest, *, theta: float, types: Sequence[str] | None, is_by_letter: bool
) -> Probe:
    if not 0 < theta < 1:
        raise InputError("Theta is the attention from which on a pair counts.", expected="0 to 1", found=str(theta))
    files = manifest.of_table(FEATURES)
    there: set[str] = set()
    for file in files:
        there.update(pc.unique(pq.read_table(paths.root / file.path, columns=["type"])["type"]).to_pylist())
    written = {name.lower(): name for name in sorted(there, reverse=True)} | {name: name for name in there}
    chosen = [written.get(name, written.get(name.lower(), name)) for name in types or ()]
    if unknown := sorted(set(chosen) - there):
        raise InputError(
            f"The atlas holds no feature of {len(unknown)} of the types asked for.",
            expected=", ".join(sorted(there)) or "features, added with `attlas annotate`",
            offenders=unknown,
        )
    return Probe(
        atlas_id=manifest.atlas_id,
        theta=theta,
        types=None if types is None else tuple(sorted(set(chosen))),
        is_by_letter=is_by_letter,
        inputs=inputs_of(manifest, *TABLES),
    )
