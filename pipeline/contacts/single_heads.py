"""Single heads compared with structures: edges and attention between residues in contact, and the P@L of each head.

The count form of Vig et al. (ICLR 2021) for a property of pairs: of the edges between residues with coordinates, how
many join residues in contact that are 6 or more apart. P@L takes a head's map as the contact head does: A + A^T, less
the average product (APC: Dunn et al., Bioinformatics 2008). One map is held at a time, and no edge is stored.

Axis letters: `H` heads, `N` residues, `T = N + 2` tokens, `K` chains of structures, `M` measures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attlas.pipeline.attention.definitions import LayerInputs, PackAttention
from attlas.pipeline.attention.tiles import Tile
from attlas.pipeline.contacts.pairs import mark_highest
from attlas.pipeline.contacts.structure_contacts import StructureContacts

MEASURES = ("n_edges", "n_contact_edges", "edge_mass", "contact_edge_mass", "mass", "contact_mass", "n_top_contacts")
"""Measures of a head. Over ordered pairs with coordinates, i = j and near ones included: edges, edges that are
contacts, the attention of both, all attention, attention between contacts. Over the long-range pairs with the highest
scores, as many as residues have coordinates: contacts."""


class HeadMeasures(Protocol):
    """A function that measures one head against the contacts in chains."""

    def __call__(
        self, attention: NDArray[np.float32], chains: Sequence[StructureContacts], *, theta: float
    ) -> NDArray[np.float64]:
        """Return the measures of one head's inner attention, (N, N), for each chain, (K, M)."""
        ...


def measure_head(
    attention: NDArray[np.float32], chains: Sequence[StructureContacts], *, theta: float
) -> NDArray[np.float64]:
    """Return the MEASURES of one head's inner attention, (N, N), for each chain, (K, M); NaN where it is not finite."""
    if not np.isfinite(attention.sum()):
        return np.full((len(chains), len(MEASURES)), np.nan)

    edges = np.nonzero(attention >= np.float32(theta))
    scores = score_pairs(attention)
    return np.array([_measure_chain(attention, edges, scores, chain) for chain in chains])


@dataclass(frozen=True)
class ReduceToHeadContacts:
    """A `Reduction` that compares each head with the contacts of structures, for a pack of one sequence.

    In the `PackAttention` that it returns, `heads` is (1, H, K x M): the measures of each chain, one chain after the
    other. `received` is 0: the build computes it.
    """

    chains: tuple[StructureContacts, ...]
    """The contacts in each chain."""
    measure: HeadMeasures = measure_head
    """What is measured, by default MEASURES in their order."""

    def __call__(self, inputs: LayerInputs, *, theta: float) -> PackAttention:
        """Reduce one layer."""
        q, k, v = inputs.q, inputs.k, inputs.v
        output = None if v is None else torch.empty_like(v)
        measures = []

        with torch.autocast(q.device.type, enabled=False):  # of mixed models: a softmax needs float32
            for head in range(len(q)):
                scores = q[head].float() @ k[head].float().T * inputs.scaling  # (T, T)
                if inputs.added is not None:
                    tile = Tile(0, slice(head, head + 1), slice(0, len(scores)), 0)
                    scores += inputs.added.select(tile, len(scores))[0].to(scores.device)
                attention = _softmax(scores)
                if v is not None and output is not None:
                    output[head] = (attention @ v[head].float()).to(v.dtype)
                measures.append(self.measure(attention[1:-1, 1:-1].cpu().numpy(), self.chains, theta=theta))

        heads = torch.from_numpy(np.stack(measures).astype(np.float32).reshape(1, len(q), -1))
        return PackAttention(output, torch.zeros(sum(inputs.pack.n_residues)), heads)


def score_pairs(attention: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the score of every pair by one head's inner attention A, (N, N): A + A^T less the average product."""
    scores = attention + attention.T
    mass = scores.sum(0, dtype=np.float64)
    if mass.sum() > 0:  # a head that gives residues nothing has no product
        scores -= np.multiply.outer((mass / mass.sum()).astype(np.float32), mass.astype(np.float32))
    return scores


def _softmax(scores: Tensor) -> Tensor:
    """Return the softmax of each row, in place."""
    scores -= scores.amax(1, keepdim=True)
    scores.exp_()
    scores /= scores.sum(1, keepdim=True)
    return scores


def _measure_chain(
    attention: NDArray[np.float32],
    edges: tuple[NDArray[np.intp], ...],
    scores: NDArray[np.float32],
    chain: StructureContacts,
) -> list[float]:
    """Return the measures of one head's inner attention, (N, N), and its scores, (N, N), for one chain."""
    is_counted = chain.has_coordinates[edges[0]] & chain.has_coordinates[edges[1]]
    i, j = edges[0][is_counted], edges[1][is_counted]
    is_contact, weights = chain.are_contacts(i, j), attention[i, j].astype(np.float64)

    is_top = mark_highest(chain.select_long_pairs(scores), chain.n_with_coordinates)
    masses = attention @ chain.has_coordinates.astype(np.float32)

    # In the order of MEASURES.
    return [
        float(len(i)),
        is_contact.sum(),
        weights.sum(),
        weights[is_contact].sum(),
        masses[chain.has_coordinates].sum(dtype=np.float64),
        attention[tuple(chain.contacts)].sum(dtype=np.float64),
        is_top[chain.long_contacts].sum(),
    ]
