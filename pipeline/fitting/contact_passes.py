"""The two passes of the model over sequences with structures: sums of the sampled pairs, then the scores of all pairs.

Axis letters: `L` layers, `H` heads, `N` residues, `Q` all pairs of a protein, `P` sampled ones, `D` columns of an
input, `M` targets, `K` folds, `C` columns of scores, `I` inputs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.contacts.single_heads import score_pairs
from attlas.pipeline.contacts.structure_contacts import StructureContacts
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.fitting.contact_labels import ContactSequence
from attlas.pipeline.fitting.contact_measures import ProteinPrecision, measure_protein
from attlas.pipeline.fitting.contact_pairs import AllPairs, Floats, PairSample, list_pairs
from attlas.pipeline.fitting.inputs import ATTENTION_PAIRS, EMBEDDING_PAIRS, SEPARATION, ProbeInput, Shape
from attlas.pipeline.fitting.pair_features import (
    Directions,
    PairFeatures,
    compute_pair_features,
    find_heads,
    make_bilinear,
)
from attlas.pipeline.fitting.ridge import FoldProbes
from attlas.pipeline.fitting.scores import join_probes
from attlas.pipeline.fitting.sums import Moments, add_moments

CountResidues = Callable[[int], None]
"""Is told the residues of each sequence that has run through the model."""

Probes = Mapping[ProbeInput, Sequence[FoldProbes]]
"""The probes of every fold left out, by input."""


@dataclass(frozen=True)
class ContactTask:
    """What is fitted: sequences with structures, the pairs of each, and its fold and group."""

    sequences: tuple[ContactSequence, ...]
    samples: tuple[PairSample, ...]
    folds: NDArray[np.int64]
    groups: NDArray[np.int64]
    n_folds: int


@dataclass(frozen=True)
class ContactScores:
    """What probes reach on the folds that they left out."""

    samples: NDArray[np.float32]
    """Scores of the sampled pairs of all sequences, (I, C, sum of P), in the columns of `scores.SetScores`."""
    proteins: tuple[tuple[ProteinPrecision, ...], ...]
    """Of each input, of each sequence: how well all of its pairs are ranked."""


def sum_pairs(
    encoder: Encoder, task: ContactTask, shape: Shape, directions: Directions, *, count: CountResidues
) -> list[dict[ProbeInput, Moments]]:
    """Run the model and return the sums of the sampled pairs of each fold, by input."""
    # Every head of the model once: the sums of a layer are a part of them.
    layers = range(shape.n_layers)
    summed = [ProbeInput(SEPARATION, None), ProbeInput(ATTENTION_PAIRS, None)]
    summed += [ProbeInput(EMBEDDING_PAIRS, layer) for layer in layers]
    folds: list[dict[ProbeInput, Moments]] = [{} for _ in range(task.n_folds)]

    for sequence, sample, fold in zip(task.sequences, task.samples, task.folds, strict=True):
        features = compute_pair_features(encoder, sequence, sample, directions)
        for source in summed:
            moments = sum_weighted(features.columns(source, shape.n_heads), sample)
            earlier = folds[fold].get(source)
            folds[fold][source] = moments if earlier is None else add_moments([earlier, moments])
        count(len(sequence.sequence))

    for sums in folds:
        whole = sums[ProbeInput(ATTENTION_PAIRS, None)]
        for layer in layers:
            sums[ProbeInput(ATTENTION_PAIRS, layer)] = _select(whole, find_heads(layer, shape.n_heads))
    return folds


def sum_weighted(columns: Floats, sample: PairSample) -> Moments:
    """Return the sums of the columns of pairs, (P, D), each counted as often as its weight says."""
    weights, targets = sample.weights, sample.targets.T  # (P,), (P, M)
    weighted = columns * weights[:, None]
    return Moments(
        n=float(weights.sum()),
        x=weighted.sum(0),
        xx=weighted.T @ columns,
        y=weights @ targets,
        yy=weights @ targets**2,
        xy=weighted.T @ targets,
    )


def _select(moments: Moments, columns: slice) -> Moments:
    return Moments(
        moments.n, moments.x[columns], moments.xx[columns, columns], moments.y, moments.yy, moments.xy[columns]
    )


def score_pairs_left_out(
    encoder: Encoder, task: ContactTask, shape: Shape, directions: Directions, probes: Probes, *, count: CountResidues
) -> ContactScores:
    """Run the model again and return the scores of each sequence by the probes that left out its fold."""
    inputs = list(probes)
    samples: list[NDArray[np.float32]] = []
    proteins: list[list[ProteinPrecision]] = [[] for _ in inputs]

    for sequence, sample, fold in zip(task.sequences, task.samples, task.folds, strict=True):
        weights = {source: join_probes(of_folds, int(fold)) for source, of_folds in probes.items()}
        outer = {source: of_folds[fold].outer.weights[:, 0] for source, of_folds in probes.items()}
        pairs = list_pairs(sequence.contacts)
        ranking = _RankMaps(sample, pairs, outer, shape)
        features = compute_pair_features(encoder, sequence, sample, directions, measure=ranking)

        scored = [features.columns(source, shape.n_heads) @ w + b for source, (w, b) in weights.items()]  # (P, C) each
        samples.append(np.stack(scored).transpose(0, 2, 1).astype(np.float32))
        for of_input, source in zip(proteins, inputs, strict=True):
            precision = ranking.precisions.get(source)
            of_input.append(precision or _rank_without_maps(source, outer[source], pairs, features, sequence.contacts))
        count(len(sequence.sequence))
    return ContactScores(np.concatenate(samples, axis=2), tuple(map(tuple, proteins)))


class _RankMaps:
    """Takes the maps of a sequence, head by head as a `HeadMeasures`: how their weighted sums rank all of its pairs.

    Two sums are held: that of the layer, and that of all layers.
    """

    def __init__(self, sample: PairSample, pairs: AllPairs, weights: Mapping[ProbeInput, Floats], shape: Shape) -> None:
        self.sample, self.pairs, self.weights, self.shape = sample, pairs, weights, shape
        self.n_taken = 0
        self.of_layer: NDArray[np.float32] = np.zeros((), np.float32)
        self.of_all: NDArray[np.float32] = np.zeros((), np.float32)
        self.precisions: dict[ProbeInput, ProteinPrecision] = {}

    def __call__(
        self, attention: NDArray[np.float32], chains: Sequence[StructureContacts], *, theta: float
    ) -> NDArray[np.float64]:
        """Return the values of one head's map at the sampled pairs, (1, P); its inner attention is (N, N)."""
        layer, head = divmod(self.n_taken, self.shape.n_heads)
        source, whole = ProbeInput(ATTENTION_PAIRS, layer), ProbeInput(ATTENTION_PAIRS, None)
        corrected = score_pairs(attention)
        self.of_layer = self.of_layer + np.float32(self.weights[source][head]) * corrected
        self.of_all = self.of_all + np.float32(self.weights[whole][self.n_taken]) * corrected
        self.n_taken += 1

        if head == self.shape.n_heads - 1:
            self.precisions[source] = self._measure(self.of_layer, chains[0])
            self.of_layer = np.zeros((), np.float32)
        if self.n_taken == self.shape.n_maps:
            self.precisions[whole] = self._measure(self.of_all, chains[0])
        return corrected[self.sample.i, self.sample.j].astype(np.float64)[None]

    def _measure(self, scores: NDArray[np.float32], contacts: StructureContacts) -> ProteinPrecision:
        return measure_protein(scores[self.pairs.i, self.pairs.j], self.pairs, contacts.n_with_coordinates)


def _rank_without_maps(
    source: ProbeInput, weights: Floats, pairs: AllPairs, features: PairFeatures, contacts: StructureContacts
) -> ProteinPrecision:
    """Return how an input that needs no map ranks all pairs of a sequence."""
    if source.kind == SEPARATION:
        scores = weights[pairs.separations]
    else:
        assert source.layer is not None
        projection = features.projections[source.layer]  # (N, R)
        form = make_bilinear(weights, projection.shape[1])
        scores = (projection @ form @ projection.T)[pairs.i, pairs.j]
    return measure_protein(scores, pairs, contacts.n_with_coordinates)
