"""Trials: a pair in one form, as it is or as a null, with its known interface; and how a trial is measured.

Axis letters: `L` layers, `H` heads, `M` measures, `C` choices of heads.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.contacts.head_choice import Head
from attlas.pipeline.encoder.device_check import make_pack_runner
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.interfaces.across_maps import AcrossMap, Apc
from attlas.pipeline.interfaces.joined_maps import ReadAcrossMaps
from attlas.pipeline.interfaces.known_interface import KnownInterface
from attlas.pipeline.interfaces.measures import MEASURES, measure_map, measure_scores
from attlas.pipeline.pairs.joining import Form, join_sequences

Measures = NDArray[np.float64]
"""MEASURES along the last axis."""


@dataclass(frozen=True)
class Trial:
    """Two proteins that run through the model as one input, with their known interface."""

    pair_id: int
    form: Form
    kind: str
    """One of `schema.interface_tables.KINDS`."""
    sequence: str
    partner_sequence: str
    partner: str
    """Accession of the partner; for the kind `swapped`, the partner of another pair."""
    interface: KnownInterface


class MeasureTrial(Protocol):
    """Measures the maps of a trial, layer by layer."""

    def add_maps(self, layer: int, maps: Sequence[AcrossMap]) -> None:
        """Take the across map of each head of a layer."""
        ...

    def finish(self) -> Measures | None:
        """Return the measures, or None if the attention is not finite."""
        ...


class MeasureHeads:
    """Measures every head of a trial, and the mean map of the heads of each layer."""

    def __init__(self, trial: Trial, *, apc: Apc) -> None:
        self.interface, self.apc = trial.interface, apc
        self.is_finite = True
        self.layers: list[Measures] = []

    def add_maps(self, layer: int, maps: Sequence[AcrossMap]) -> None:
        """Take the across map of each head of a layer."""
        with_mean = [*maps, AcrossMap.average(maps)]
        self.is_finite &= with_mean[-1].is_finite
        self.layers.append(
            np.stack([measure_map(across, self.interface, scores=across.score(self.apc)) for across in with_mean])
        )

    def finish(self) -> Measures | None:
        """Return the measures, (L, H + 1, M); the last place of each layer has those of the mean map of its heads."""
        return np.stack(self.layers) if self.is_finite else None


class MeasureFusedHeads:
    """Measures the mean score of several choices of heads at once; the attention received is averaged, too."""

    def __init__(self, trial: Trial, *, apc: Apc, choices: Sequence[Sequence[Head]]) -> None:
        self.interface, self.apc, self.choices = trial.interface, apc, choices
        n_residues, n_partner_residues = len(trial.sequence), len(trial.partner_sequence)
        self.is_finite = True
        self.scores = np.zeros((len(choices), n_residues, n_partner_residues), np.float32)
        self.received = np.zeros((len(choices), n_residues), np.float32)
        self.partner_received = np.zeros((len(choices), n_partner_residues), np.float32)

    def add_maps(self, layer: int, maps: Sequence[AcrossMap]) -> None:
        """Take the across map of each head of a layer."""
        weights = np.zeros((len(self.choices), len(maps)), np.float32)  # (C, H)
        for number, heads in enumerate(self.choices):
            for head in heads:
                if head.layer == layer:
                    weights[number, head.head] = 1 / len(heads)

        for place in np.flatnonzero(weights.any(0)).tolist():
            across, scores = maps[place], maps[place].score(self.apc)
            self.is_finite &= across.is_finite
            for choice in np.flatnonzero(weights[:, place]).tolist():
                weight = weights[choice, place]
                self.scores[choice] += weight * scores
                self.received[choice] += weight * across.received
                self.partner_received[choice] += weight * across.partner_received

    def finish(self) -> Measures | None:
        """Return the measures of each choice, (C, M), None where the attention is not finite."""
        if not self.is_finite:
            return None
        maps = zip(self.scores, self.received, self.partner_received, strict=True)
        measures = [
            measure_scores(self.interface, scores=scores, received=received, partner_received=partner_received)
            for scores, received, partner_received in maps
        ]
        return np.array(measures).reshape(-1, len(MEASURES))


def measure_trials(
    encoder: Encoder,
    trials: Sequence[Trial],
    *,
    gap: int,
    begin_trial: Callable[[Trial], MeasureTrial],
    is_both_orders: bool,
) -> list[Measures | None]:
    """Run trials through the model, one after the other; return the measures of each, None if not finite.

    Args:
        encoder: the model.
        trials: the trials to run.
        gap: positions without letters between the two, in the form `gap`.
        begin_trial: returns the object that takes the maps of a trial.
        is_both_orders: whether maps are the mean over both orders of the two proteins.

    Raises:
        DeviceFault: the device does not work.
        EnvironmentFault: the model does not take joined sequences.
        Exception: a trial fails alone, for example because it needs more memory than there is.
    """

    def begin(pack: Sequence[Trial]) -> Callable[[], list[Measures | None]]:
        measures = [
            _run_trial(encoder, trial, begin_trial(trial), gap=gap, is_both_orders=is_both_orders) for trial in pack
        ]
        return lambda: measures

    runner = make_pack_runner(encoder, begin=begin, is_finite=lambda measures: measures is not None)
    return list(runner.run_all([trial] for trial in trials))


def _run_trial(
    encoder: Encoder, trial: Trial, measure: MeasureTrial, *, gap: int, is_both_orders: bool
) -> Measures | None:
    """Run a trial through the model and return its measures."""
    join = partial(join_sequences, form=trial.form, vocabulary=encoder.vocabulary, filler=encoder.filler, gap=gap)
    inputs = [join((trial.sequence, trial.partner_sequence))]
    places = [inputs[0].chains]
    if is_both_orders:
        inputs.append(join((trial.partner_sequence, trial.sequence)))
        places.append(inputs[1].chains[::-1])

    encoder.start_inputs([joined.tokens for joined in inputs], reduce=ReadAcrossMaps(places, measure.add_maps))
    return measure.finish()
