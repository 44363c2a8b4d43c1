"""Vectors added to a sealed atlas: a pass over every sequence, resumed like a build."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from attlas.pipeline.drafting import read_model_vocabulary
from attlas.pipeline.encode import StartProgress
from attlas.pipeline.model.files import find_model
from attlas.pipeline.part_limits import cut_parts
from attlas.pipeline.pass_planning import (
    ComputedSequence,
    group_by_shard,
    list_computed_sequences,
    list_pass_shards,
    read_ids_with_rows,
)
from attlas.pipeline.pass_task import Inputs, digest_inputs
from attlas.pipeline.passes import run_pass
from attlas.pipeline.plan import RESULT_COPIES, Plan
from attlas.pipeline.sealed import hold_sealed
from attlas.pipeline.vectors.embedding import NUMBERS, EmbedProteins
from attlas.pipeline.vectors.from_build import publish_build_vectors
from attlas.pipeline.vectors.kinds import parse_choices, refuse_missing_tokens
from attlas.schema import VECTORS, AtlasPaths, InputError, Manifest

LAST = "last"
"""Name of the last layer, whatever its number."""

DEFAULT_CHOICES = "mean"


@dataclass(frozen=True)
class VectorSettings:
    """The settings of the pass that pools hidden states."""

    vectors: str = DEFAULT_CHOICES
    """Some of `kinds.CHOICES`, separated by commas."""
    layers: str = LAST
    """`last` or numbers of layers from 0, separated by commas."""
    numbers: str = NUMBERS[0]
    """One of `embedding.NUMBERS`."""
    max_length: int | None = None
    """Longest sequence, residues; None: no limit."""


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

        computed = list(list_computed_sequences(paths))
        limit = settings.max_length
        sequences = [sequence for sequence in computed if limit is None or sequence.length <= limit]
        grouped = group_by_shard(plan, sequences)
        shards = list_pass_shards(plan, grouped, lambda lengths: predict_vector_bytes(lengths, task))

        publish_build_vectors(paths, plan, task, shards)
        manifest = run_pass(
            paths,
            plan,
            task,
            tables=[VECTORS],
            shards=shards,
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
            n_sequences=len(sequences),
            longer=tuple(str(sequence) for sequence in computed if limit is not None and sequence.length > limit),
            failed=tuple(_find_failed(paths, manifest, sequences)),
        )


def predict_vector_bytes(lengths: Sequence[int], task: EmbedProteins) -> int:
    """Return the bytes that a process needs for the vectors of sequences of these lengths, besides the build's."""
    largest = max((part.stop - part.start for part in cut_parts(lengths, task.part_limits)), default=0)
    return RESULT_COPIES * task.bytes_of_sequence * largest


def parse_layers(text: str, n_layers: int) -> tuple[int, ...]:
    """Return the layers of a text such as `last` or `0,5`, ascending, each once.

    Raises:
        InputError: one is no layer of the model.
    """
    words = [word.strip() for word in text.split(",")]
    layers = {n_layers - 1 if word == LAST else int(word) if word.isdecimal() else -1 for word in words}
    if not all(0 <= layer < n_layers for layer in layers):
        raise InputError(
            "Vectors are of layers of the model.",
            expected=f"{LAST}, or numbers from 0 to {n_layers - 1}, separated by commas",
            found=text,
        )
    return tuple(sorted(layers))


def make_build_vectors(settings: VectorSettings, plan: Plan) -> EmbedProteins:
    """Return what pools the hidden states of a build while it runs.

    Raises:
        InputError: as `add_vectors`.
        EnvironmentFault: the model has no token that a vector is of.
    """
    return _make_task(plan, settings, inputs=())


def _make_task(plan: Plan, settings: VectorSettings, inputs: Inputs) -> EmbedProteins:
    """Return the task of the pass. Raises as `add_vectors`."""
    if settings.numbers not in NUMBERS:
        raise InputError("There are no such numbers.", expected=" or ".join(NUMBERS), found=settings.numbers)

    choices = parse_choices(settings.vectors)
    layers = parse_layers(settings.layers, plan.run.n_layers)
    files = find_model(plan.model_directory)
    refuse_missing_tokens(read_model_vocabulary(files), choices)

    return EmbedProteins(
        atlas_id=plan.plan_id,
        inputs=inputs,
        choices=choices,
        layers=layers,
        numbers=settings.numbers,
        width=files.shape.width,
        max_length=settings.max_length,
    )


def _find_failed(paths: AtlasPaths, manifest: Manifest, sequences: Sequence[ComputedSequence]) -> Iterator[str]:
    """Yield the sequences that have no rows."""
    ids_with_vectors = read_ids_with_rows(paths, manifest, VECTORS)
    yield from (str(sequence) for sequence in sequences if sequence.sequence_id not in ids_with_vectors)
