"""Vectors added to a sealed atlas: a pass over every sequence, resumed like a build."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from attlas.pipeline.encode import StartProgress
from attlas.pipeline.pass_planning import ComputedSequence, read_ids_with_rows
from attlas.pipeline.pass_task import Inputs, digest_inputs
from attlas.pipeline.passes import run_pass
from attlas.pipeline.plan import Plan
from attlas.pipeline.sealed import hold_sealed
from attlas.pipeline.vectors.choice import VectorSettings, choose_vectors
from attlas.pipeline.vectors.cost import draft_vectors
from attlas.pipeline.vectors.embedding import EmbedProteins
from attlas.pipeline.vectors.from_build import publish_build_vectors
from attlas.schema import VECTORS, AtlasPaths, Manifest


@dataclass(frozen=True)
class AddedVectors:
    """The vectors of an atlas after they were computed."""

    manifest: Manifest
    task: EmbedProteins
    n_vectors: int
    n_bytes: int
    """Bytes of the files of the table."""
    n_sequences: int
    """Distinct sequences that are not too long."""
    longer: tuple[str, ...]
    """Proteins left out because they are longer than `max_length`, one for each sequence."""
    failed: tuple[str, ...]
    """Proteins without rows because a number of their vectors is not finite, or too large for float16."""


def add_vectors(
    root: Path,
    settings: VectorSettings,
    *,
    progress: StartProgress,
    n_workers: int | None = None,
    scheduler: str | None = None,
) -> AddedVectors:
    """Compute the vectors of every sequence of a sealed atlas and add them; finished shards are kept.

    Args:
        root: directory of the atlas.
        settings: the settings of the pass.
        progress: as in `build.build`.
        n_workers: as in `encode.encode`.
        scheduler: as in `encode.encode`.

    Raises:
        InputError: a kind of vector, a layer or the kind of numbers does not exist.
        PlanError: there is no plan, as in a release: vectors need the directory in which the atlas was built.
        EnvironmentFault: as `encode.encode`; or the model has no token that a vector is of.
    """
    with hold_sealed(root) as (paths, manifest, plan):
        task = _make_task(plan, settings, digest_inputs(manifest, VECTORS))
        draft = draft_vectors(paths, plan, task)

        publish_build_vectors(paths, plan, task, draft.shards)
        manifest = run_pass(
            paths,
            plan,
            task,
            tables=[VECTORS],
            shards=draft.shards,
            progress=progress,
            n_workers=n_workers,
            scheduler=scheduler,
        )

        files = manifest.of_table(VECTORS)
        return AddedVectors(
            manifest=manifest,
            task=task,
            n_vectors=sum(file.n_rows for file in files),
            n_bytes=sum(file.n_bytes for file in files),
            n_sequences=len(draft.sequences),
            longer=draft.longer,
            failed=tuple(_find_failed(paths, manifest, draft.sequences)),
        )


def make_build_vectors(settings: VectorSettings, plan: Plan) -> EmbedProteins:
    """Return the task that pools the hidden states of a build while it runs.

    Raises:
        InputError: as `add_vectors`.
        EnvironmentFault: the model has no token that a vector is of.
    """
    return _make_task(plan, settings, inputs=())


def _make_task(plan: Plan, settings: VectorSettings, inputs: Inputs) -> EmbedProteins:
    """Return the task of the pass. Raises as `add_vectors`."""
    choice = choose_vectors(plan, settings)
    return EmbedProteins(atlas_id=plan.plan_id, inputs=inputs, **vars(choice))


def _find_failed(paths: AtlasPaths, manifest: Manifest, sequences: Sequence[ComputedSequence]) -> Iterator[str]:
    """Yield the sequences that have no rows."""
    ids_with_vectors = read_ids_with_rows(paths, manifest, VECTORS)
    yield from (str(sequence) for sequence in sequences if sequence.sequence_id not in ids_with_vectors)
