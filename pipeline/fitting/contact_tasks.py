"""The passes over structures as tasks of their shards: directions of a sample, sums of the pairs, and their scores."""

from dataclasses import dataclass

from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.fitting.contact_arrays import (
    read_contact_task,
    read_directions,
    read_weights,
    write_contact_task,
    write_directions,
    write_moments,
    write_scores,
)
from attlas.pipeline.fitting.contact_passes import score_pairs_left_out, sum_pairs
from attlas.pipeline.fitting.contact_probes import ContactTask
from attlas.pipeline.fitting.fold_shards import FoldShards
from attlas.pipeline.fitting.inputs import SEPARATION, ProbeInput
from attlas.pipeline.fitting.pair_features import draw_sequences, find_directions
from attlas.pipeline.fitting.saved_arrays import Arrays, SavedArrays, read_letters, write_letters
from attlas.pipeline.fitting.settings import RANDOM
from attlas.pipeline.fitting.shard_task import FitModel, FitTask

SAMPLE = "contacts-sample"
"""Name of the arrays with the letters that directions are found on."""


def name_input(index: int) -> str:
    """Return the name of the arrays with the structures and pairs of shard `index`."""
    return f"contacts-{index:05d}"


def name_directions(weights: str) -> str:
    """Return the beginning of the name of the arrays with the directions."""
    return f"{weights}-contacts-directions"


def name_weights(weights: str, fold: int) -> str:
    """Return the name of the arrays with the weights by which a fold is scored."""
    return f"{weights}-contacts-weights-{fold}"


def list_inputs(model: FitModel) -> list[ProbeInput]:
    """Return the inputs that are fitted: without weights that were trained those of the model alone."""
    inputs = model.shape.list_pair_inputs()
    return [source for source in inputs if model.name != RANDOM or source.kind != SEPARATION]


def save_inputs(saved: SavedArrays, task: ContactTask, shards: FoldShards, *, seed: int) -> None:
    """Save the structures and pairs of every shard, and the letters of the sample, that are not there."""
    if not saved.has(SAMPLE):
        saved.write(SAMPLE, {"letters": write_letters(draw_sequences(task.sequences, seed=seed))})
    for shard in shards.shards:
        if not saved.has(name_input(shard.index)):
            places, _ = shards.find(shard.index)
            saved.write(name_input(shard.index), write_contact_task(task.select(places)))


@dataclass(frozen=True)
class FindDirections(FitTask):
    """The principal directions of each layer, on a sample of the sequences; one shard."""

    @property
    def name(self) -> str:
        """The beginning of its files' names."""
        return name_directions(self.model.name)

    def compute(self, encoder: Encoder, saved: SavedArrays, index: int) -> Arrays:
        """Return the directions."""
        with saved.open(SAMPLE) as read:
            sequences = read_letters(read("letters"))
        return write_directions(find_directions(encoder, sequences, self.model.shape))


@dataclass(frozen=True)
class SumPairs(FitTask):
    """The sums of the sampled pairs of a shard."""

    @property
    def name(self) -> str:
        """The beginning of its files' names."""
        return f"{self.model.name}-contacts-sums"

    def compute(self, encoder: Encoder, saved: SavedArrays, index: int) -> Arrays:
        """Return the sums of each input."""
        with saved.open(name_input(index)) as read:
            task = read_contact_task(read)
        with saved.open(f"{name_directions(self.model.name)}-00001") as read:
            directions = read_directions(read)
        return write_moments(sum_pairs(encoder, task, self.model.shape, directions))


@dataclass(frozen=True)
class ScorePairs(FitTask):
    """The scores of a shard's pairs by the probes that left out their fold."""

    @property
    def name(self) -> str:
        """The beginning of its files' names."""
        return f"{self.model.name}-contacts-scores"

    def compute(self, encoder: Encoder, saved: SavedArrays, index: int) -> Arrays:
        """Return the scores of each input."""
        with saved.open(name_input(index)) as read:
            task = read_contact_task(read)
        with saved.open(f"{name_directions(self.model.name)}-00001") as read:
            directions = read_directions(read)
        _, fold = self.shards.find(index)
        with saved.open(name_weights(self.model.name, fold)) as read:
            joined = read_weights(read, list_inputs(self.model))
        return write_scores(score_pairs_left_out(encoder, task, self.model.shape, directions, joined))
