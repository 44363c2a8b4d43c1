"""A probe added to a sealed atlas: the model runs again over every shard and sums by label; it resumes like a build."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from attlas.pipeline.encode import StartProgress
from attlas.pipeline.pass_task import digest_inputs
from attlas.pipeline.passes import run_pass
from attlas.pipeline.probe.probing import TABLES, Probe
from attlas.pipeline.sealed import hold_sealed
from attlas.schema import FEATURES, AtlasPaths, InputError, Manifest


def add_probe(
    root: Path,
    *,
    theta: float,
    types: Sequence[str] | None,
    is_by_letter: bool,
    periods: Sequence[int] = (),
    progress: StartProgress,
    n_workers: int | None = None,
    scheduler: str | None = None,
) -> Manifest:
    """Compute the tables of a probe of a sealed atlas and add them; finished shards are kept.

    Args:
        root: directory of the atlas.
        theta: attention from which on a pair counts as an edge.
        types: types of features that are labels, in any letter case; None takes all.
        is_by_letter: whether amino acids are labels, too.
        periods: distances along the sequence, residues, at which attention is summed, too.
        progress: as in `build.build`.
        n_workers: as in `encode.encode`.
        scheduler: as in `encode.encode`.

    Raises:
        InputError: theta is not between 0 and 1, a period is less than 1, or the atlas holds no feature of a type.
        PlanError: there is no plan, as in a release: a probe needs the directory in which the atlas was built.
        EnvironmentFault: as `encode.encode`.
    """
    if not 0 < theta < 1:
        raise InputError("Theta is the attention from which on a pair counts.", expected="0 to 1", found=str(theta))
    if any(period < 1 for period in periods):
        raise InputError(
            "A period is a distance along the sequence.",
            expected="1 residue or more",
            found=", ".join(map(str, sorted(periods))),
        )

    with hold_sealed(root) as (paths, manifest, plan):
        task = Probe(
            atlas_id=manifest.atlas_id,
            inputs=digest_inputs(manifest, *TABLES),
            theta=theta,
            types=None if types is None else _find_types(paths, manifest, types),
            is_by_letter=is_by_letter,
            periods=tuple(sorted(set(periods))),
        )
        return run_pass(
            paths,
            plan,
            task,
            tables=task.tables,
            shards=plan.shards,
            progress=progress,
            n_workers=n_workers,
            scheduler=scheduler,
        )


def _find_types(paths: AtlasPaths, manifest: Manifest, names: Sequence[str]) -> tuple[str, ...]:
    """Return types of features as the atlas spells them, sorted, each once.

    Raises:
        InputError: the atlas holds no feature of a type; names those that it holds.
    """
    types: set[str] = set()
    for file in manifest.of_table(FEATURES):
        types.update(pc.unique(pq.read_table(paths.root / file.path, columns=["type"])["type"]).to_pylist())

    # A type in another letter case is taken, too; the exact spelling comes first.
    spellings = {name.lower(): name for name in sorted(types, reverse=True)} | {name: name for name in types}
    exact_names = {spellings.get(name, spellings.get(name.lower(), name)) for name in names}
    if unknown := sorted(exact_names - types):
        raise InputError(
            f"The atlas holds no feature of {len(unknown)} of the types asked for.",
            expected=", ".join(sorted(types)) or "features, added with `attlas annotate`",
            offenders=unknown,
        )
    return tuple(sorted(exact_names))
