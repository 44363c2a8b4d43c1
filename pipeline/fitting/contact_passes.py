"""The two passes of the model over sequences with structures: sums of the sampled pairs, then the scores of all pairs.

Axis letters: `L` layers, `H` heads, `N` residues, `Q` all pairs of a protein, `P` sampled ones, `D` columns of an
input, `M` targets, `K` folds, `C` columns of scores, `I` inputs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.contacts.single_heads import score_pairs
from attlas.pipeline.contacts.structure_contacts import StructureContacts
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.fitting.contact_measures import ProteinPrecision, measure_protein
from attlas.pipeline.fitting.contact_pairs import AllPairs, Floats, PairSample, list_pairs
from attlas.pipeline.fitting.contact_probes import ContactTask
from attlas.pipeline.fitting.inputs import ATTENTION_PAIRS, EMBEDDING_PAIRS, SEPARATION, ProbeInput, Shape
from attlas.pipeline.fitting.pair_features import (
    Directions,
    PairFeatures,
    compute_pair_features,
    find_heads,
    make_bilinear,
)
from attlas.pipeline.fitting.ridge import FoldProbes
from attlas.pipeline.fitting.sums import Moments, add_moments

Probes = Mapping[ProbeInput, Sequence[FoldProbes]]
"""The probes of every fold left out, by input."""
Joined = Mapping[ProbeInput, tuple[Floats, Floats]]
"""The weights (D, C) and the intercepts (C,) by which a fold is scored, by input, in their order."""


@dataclass(frozen=True)
class ContactScores:
    """The scores of probes on the folds that they left out."""

    samples: NDArray[np.float32]
    """Scores of the sampled pairs of all sequences, (I, C, sum of P), in the columns of `scores.SetScores`."""
    proteins: tuple[tuple[ProteinPrecision, ...], ...]
    """How well all pairs of a sequence are ranked, for each input and sequence."""


def list_summed(shape: Shape) -> list[ProbeInput]:
    """Return the inputs that are summed: every head once, since the sums of a layer are a part of them."""
    summed = [ProbeInput(SEPARATION, None), ProbeInput(ATTENTION_PAIRS, None)]
    return summed + [ProbeInput(EMBEDDING_PAIRS, layer) for layer in range(shape.n_layers)]


def sum_pairs(encoder: Encoder, task: ContactTask, shape: Shape, directions: Directions) -> dict[ProbeInput, Moments]:
    """Run the model and return the sums of the sampled pairs of all sequences, by input of `list_summed`."""
    sums: dict[ProbeInput, Moments] = {}
    for sequence, sample in zip(task.sequences, task.samples, strict=True):
        features = compute_pair_features(encoder, sequence, sample, directions)
        for source in list_summed(shape):
            moments = sum_weighted(features.columns(source, shape.n_heads), sample)
            sums[source] = moments if source not in sums else add_moments([sums[source], moments])
    return sums


def select_moments(sums: Mapping[ProbeInput, Moments], source: ProbeInput, shape: Shape) -> Moments:
    """Return the sums of an input; those of a layer's heads are a part of those of all heads."""
    if source.kind != ATTENTION_PAIRS or source.layer is None:
        return sums[source]
    heads, whole = find_heads(source.layer, shape.n_heads), sums[ProbeInput(ATTENTION_PAIRS, None)]
    return Moments(whole.n, whole.x[heads], whole.xx[heads, heads], whole.y, whole.yy, whole.xy[heads])


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


def score_pairs_left_out(
    encoder: Encoder, task: ContactTask, shape: Shape, directions: Directions, joined: Joined
) -> ContactScores:
    """Run the model again and return the scores of sequences of one fold by the probes that left it out."""
    samples: list[NDArray[np.float32]] = []
    proteins: list[list[ProteinPrecision]] = [[] for _ in joined]
    outer = {source: weights[:, 0] for source, (weights, _) in joined.items()}

    for sequence, sample in zip(task.sequences, task.samples, strict=True):
        pairs = list_pairs(sequence.contacts)
        ranking = _RankMaps(sample, pairs, outer, shape)
        features = compute_pair_features(encoder, sequence, sample, directions, measure=ranking)

        scored = [features.columns(source, shape.n_heads) @ w + b for source, (w, b) in joined.items()]  # (P, C) each
        samples.append(np.stack(scored).transpose(0, 2, 1).astype(np.float32))
        for of_input, source in zip(proteins, joined, strict=True):
            precision = ranking.precisions.get(source)
            of_input.append(precision or _rank_without_maps(source, outer[source], pairs, features, sequence.contacts))
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
