"""The draft of a pass for vectors, and its predicted cost, as `dry_run` has it for a build. Loads no torch."""

from dataclasses import dataclass
from pathlib import Path

from attlas.pipeline.directory import read_plan
from attlas.pipeline.dry_run import BuildDraft, predict_pass_cost
from attlas.pipeline.estimate import ProcessCost
from attlas.pipeline.model.files import find_model
from attlas.pipeline.pass_planning import ComputedSequence, group_by_shard, list_computed_sequences, list_pass_shards
from attlas.pipeline.plan import Plan, Shard
from attlas.pipeline.vectors.choice import FLOAT16, NUMBERS, VectorChoice, VectorSettings, choose_vectors
from attlas.pipeline.vectors.kinds import parse_choices
from attlas.schema import AtlasPaths, Manifest

SECONDS_OF_BUILD = 0.85
"""Seconds that the pass takes for operations that take a build one second (docs/vectors.md)."""

DISK_SHARE, DISK_SHARE_FLOAT16 = 0.93, 0.57
"""Bytes of a file over those of its vectors as float32, and what they are where these hold three digits."""

FILE_DISK_BYTES = 5_400
"""Bytes of a file besides its vectors; these three from 51 proteins with ESM-2 8M (docs/vectors.md)."""


@dataclass(frozen=True)
class VectorDraft:
    """The sequences of an atlas that have vectors after the pass."""

    sequences: tuple[ComputedSequence, ...]
    longer: tuple[str, ...]
    """Proteins left out because they are longer than `max_length`, one for each sequence."""
    shards: tuple[Shard, ...]


@dataclass(frozen=True)
class VectorCost(ProcessCost):
    """The predicted cost of a pass for vectors."""

    choice: VectorChoice
    n_sequences: int
    n_longer: int
    n_residues: int


def draft_vectors(paths: AtlasPaths, plan: Plan, choice: VectorChoice) -> VectorDraft:
    """Return the sequences of a sealed atlas that the pass runs over, in shards."""
    computed = list(list_computed_sequences(paths))
    limit = choice.max_length
    sequences = [sequence for sequence in computed if limit is None or sequence.length <= limit]
    longer = [str(sequence) for sequence in computed if limit is not None and sequence.length > limit]
    shards = list_pass_shards(plan, group_by_shard(plan, sequences), choice.predict_pass_bytes)
    return VectorDraft(tuple(sequences), tuple(longer), tuple(shards))


def predict_vector_cost(
    root: Path, settings: VectorSettings, *, n_workers: int | None = None, scheduler: str | None = None
) -> VectorCost:
    """Return the cost of the pass over an atlas of which none of it is there; nothing is written.

    Raises as `adding.add_vectors`, and as `dry_run.choose_processes`.
    """
    paths = AtlasPaths(root)
    Manifest.read(paths)
    plan = read_plan(paths)
    choice = choose_vectors(plan, settings)
    draft = draft_vectors(paths, plan, choice)

    shards = draft.shards
    cost = predict_pass_cost(
        shards,
        find_model(plan.model_directory).shape,
        device=plan.run.device,
        n_workers=n_workers,
        scheduler=scheduler,
        seconds_of_build=SECONDS_OF_BUILD,
        disk_bytes=predict_vector_disk_bytes(choice, len(draft.sequences), n_shards=len(shards)),
    )
    return VectorCost(
        **vars(cost),
        choice=choice,
        n_sequences=len(draft.sequences),
        n_longer=len(draft.longer),
        n_residues=sum(shard.n_residues for shard in shards),
    )


def predict_build_vectors(draft: BuildDraft, vectors: str) -> int:
    """Return the expected size on disk of the vectors of a build, of these kinds. Raises as `kinds.parse_choices`."""
    last_layer = draft.shape.n_layers - 1
    choice = VectorChoice(parse_choices(vectors), (last_layer,), NUMBERS[0], draft.shape.width, max_length=None)
    n_sequences = sum(shard.end_sequence_id - shard.first_sequence_id for shard in draft.shards)
    return predict_vector_disk_bytes(choice, n_sequences, n_shards=len(draft.shards))


def predict_vector_disk_bytes(choice: VectorChoice, n_sequences: int, *, n_shards: int) -> int:
    """Return the expected size on disk of the table of vectors, a file for each shard."""
    share = DISK_SHARE_FLOAT16 if choice.numbers == FLOAT16 else DISK_SHARE
    return round(n_sequences * choice.bytes_of_sequence * share) + n_shards * FILE_DISK_BYTES
