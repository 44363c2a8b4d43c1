"""The features of pairs of residues: the corrected map of every head, and products of principal directions of layers.

A sequence runs through the model alone, and one map of it is held at a time. The map of a head is that of the contact
head: A + A^T less the average product. The products are those of the first principal directions of a layer's output,
symmetric in the two residues: what a symmetric bilinear form of low rank can read.

Axis letters: `L` layers, `H` heads, `N` residues, `W` width of a hidden state, `R` directions, `P` pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attlas.pipeline.contacts.single_heads import HeadMeasures, ReduceToHeadContacts, score_pairs
from attlas.pipeline.contacts.structure_contacts import StructureContacts
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.fitting.contact_labels import ContactSequence
from attlas.pipeline.fitting.contact_pairs import N_SEPARATIONS, Floats, PairSample, Places
from attlas.pipeline.fitting.features import find_places
from attlas.pipeline.fitting.inputs import ATTENTION_PAIRS, MOST_DIRECTIONS, SEPARATION, ProbeInput, Shape
from attlas.schema import EnvironmentFault

N_DIRECTION_SEQUENCES = 100
"""Sequences on whose residues the directions are found."""


@dataclass(frozen=True)
class Directions:
    """The principal directions of each layer's output."""

    means: Floats
    """Mean output of each layer, (L, W)."""
    vectors: Floats
    """(L, W, R), the direction of the largest variance first."""

    @property
    def n_products(self) -> int:
        """Return the products of two directions, without order."""
        n_directions = int(self.vectors.shape[2])
        return n_directions * (n_directions + 1) // 2

    def project(self, hidden: NDArray[np.float32], layer: int) -> Floats:
        """Return the output of a layer along its directions, (N, R), from that of all layers, (L, N, W)."""
        return np.asarray((hidden[layer] - self.means[layer]) @ self.vectors[layer])


@dataclass(frozen=True)
class PairFeatures:
    """The features of the sampled pairs of a sequence."""

    separations: Places
    """Bin of each pair, (P,)."""
    maps: NDArray[np.float32]
    """The corrected map of each head at each pair, (P, L x H)."""
    projections: tuple[Floats, ...]
    """Output of each layer along the directions, (N, R)."""
    i: Places
    """Residues of each pair, from 0, (P,)."""
    j: Places

    def columns(self, source: ProbeInput, n_heads: int) -> Floats:
        """Return the columns of an input, (P, D)."""
        if source.kind == SEPARATION:
            return np.eye(N_SEPARATIONS)[self.separations]
        if source.kind == ATTENTION_PAIRS:
            heads = slice(None) if source.layer is None else find_heads(source.layer, n_heads)
            return self.maps[:, heads].astype(np.float64)
        assert source.layer is not None
        projection = self.projections[source.layer]
        return multiply_directions(projection[self.i], projection[self.j])


def find_heads(layer: int, n_heads: int) -> slice:
    """Return the columns of a layer's heads among those of all heads."""
    return slice(layer * n_heads, (layer + 1) * n_heads)


def multiply_directions(a: Floats, b: Floats) -> Floats:
    """Return the symmetric products of two residues along the directions, (P, R (R + 1) / 2), from (P, R) each."""
    row, column = np.triu_indices(a.shape[1])
    products = a[:, row] * b[:, column]
    is_mixed = row != column
    products[:, is_mixed] += b[:, row[is_mixed]] * a[:, column[is_mixed]]
    return np.asarray(products)


def make_bilinear(weights: Floats, n_directions: int) -> Floats:
    """Return the weights of symmetric products, (R (R + 1) / 2,), as the matrix M of a^T M b, (R, R)."""
    matrix = np.zeros((n_directions, n_directions))
    row, column = np.triu_indices(n_directions)
    matrix[row, column] = matrix[column, row] = weights
    return matrix


class TakeMaps:
    """Takes what the corrected map of every head is at some pairs, as a `HeadMeasures`."""

    def __init__(self, i: Places, j: Places) -> None:
        self.i, self.j = i, j

    def __call__(
        self, attention: NDArray[np.float32], chains: Sequence[StructureContacts], *, theta: float
    ) -> NDArray[np.float64]:
        """Return the values of one head's map at the pairs, (1, P); its inner attention is (N, N)."""
        return score_pairs(attention)[self.i, self.j].astype(np.float64)[None]


def draw_sequences(sequences: Sequence[ContactSequence], *, seed: int) -> list[str]:
    """Return the sequences on whose residues directions are found: N_DIRECTION_SEQUENCES at most, drawn by the seed.

    Labels take no part, so they may be of every fold.
    """
    ordered = sorted(sequences, key=lambda sequence: sequence.sequence_id)
    n_drawn = min(N_DIRECTION_SEQUENCES, len(ordered))
    places = np.sort(np.random.default_rng(seed).choice(len(ordered), n_drawn, replace=False))
    return [ordered[place].sequence for place in places]


def find_directions(encoder: Encoder, sequences: Sequence[str], shape: Shape) -> Directions:
    """Return the principal directions of each layer, from the residues of some sequences."""
    sums = np.zeros((shape.n_layers, shape.width))
    products = np.zeros((shape.n_layers, shape.width, shape.width))
    n_residues = 0
    for sequence in sequences:
        hidden = run_hidden(encoder, sequence).astype(np.float64)  # (L, N, W)
        n_residues += hidden.shape[1]
        sums += hidden.sum(1)
        products += hidden.transpose(0, 2, 1) @ hidden

    means = sums / n_residues
    covariances = products / n_residues - means[:, :, None] * means[:, None, :]
    n_directions = min(MOST_DIRECTIONS, shape.width)
    _, vectors = np.linalg.eigh(covariances)  # in order of rising variance
    return Directions(means, np.ascontiguousarray(vectors[:, :, ::-1][:, :, :n_directions]))


def run_hidden(encoder: Encoder, sequence: str) -> NDArray[np.float32]:
    """Return the output of every layer for the residues of a sequence, (L, N, W)."""
    return _run(encoder, sequence, None, None)[1]


def compute_pair_features(
    encoder: Encoder,
    sequence: ContactSequence,
    sample: PairSample,
    directions: Directions,
    *,
    measure: HeadMeasures | None = None,
) -> PairFeatures:
    """Return the features of the sampled pairs of a sequence.

    Args:
        encoder: the model.
        sequence: the sequence.
        sample: its pairs.
        directions: the principal directions of each layer.
        measure: what takes the maps of all heads, in order; None: `TakeMaps`, which it must do as well.

    Raises:
        EnvironmentFault: a number is not finite, or the hidden states of the model cannot be read.
    """
    heads, hidden = _run(encoder, sequence.sequence, measure or TakeMaps(sample.i, sample.j), sequence.contacts)
    maps = heads.reshape(-1, len(sample.i)).T  # (P, L x H)
    projections = tuple(directions.project(hidden, layer) for layer in range(len(hidden)))
    return PairFeatures(sample.separations, maps, projections, sample.i, sample.j)


def _run(
    encoder: Encoder, sequence: str, measure: HeadMeasures | None, contacts: StructureContacts | None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Run a sequence and return what is measured of its heads, (L, H, M), and the output of each layer, (L, N, W)."""
    hidden: list[Tensor] = []
    places = find_places(encoder, [sequence])

    def add_hidden(_: int, states: Tensor) -> None:
        hidden.append(states[0, places].float())

    reduce = None
    if measure is not None and contacts is not None:
        reduce = ReduceToHeadContacts((contacts,), measure=measure)
    with encoder.lock:
        forward = encoder.start([sequence], reduce=reduce, add_hidden=add_hidden)
        _, heads = forward.stack_results()  # (L, 1, H, M)

    values = torch.stack(hidden).cpu().numpy()
    if not (np.isfinite(heads).all() and np.isfinite(values).all()):
        raise EnvironmentFault(
            "The model gives numbers that are not finite on a sequence of the atlas.",
            expected="finite attention and hidden states, as when the atlas was built",
            hint="fit on the device and with the library versions of the build (`attlas info`)",
        )
    return heads[:, 0], values
