"""What single heads attend to in structures: edges and attention between residues in contact, and each head's P@L.

The count form of Vig et al. (ICLR 2021) for a property of pairs: of the edges between residues with coordinates, how
many join residues in contact that are 6 or more apart. P@L takes a head's map as the contact head does: A + A^T, less
the average product (APC: Dunn et al., Bioinformatics 2008). One map is held at a time, and no edge is stored.

Axis letters: `H` heads, `N` residues, `T = N + 2` tokens, `K` chains of structures, `M` measures.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attlas.pipeline.attention import Pack, PackAttention
from attlas.pipeline.contacts.known import KnownContacts
from attlas.pipeline.contacts.pairs import highest

MEASURES = ("n_edges", "n_contact_edges", "edge_mass", "contact_edge_mass", "mass", "contact_mass", "n_top_contacts")
"""Of ordered pairs with coordinates, i = j and near ones included: edges, edges that are contacts, the attention of
both, all attention, attention between contacts; of the best long-range pairs, as many as residues have coordinates:
contacts."""


@dataclass(frozen=True)
class ReduceToHeadContacts:
    """A `Reduction` that holds each head against the contacts of structures, for a pack of one sequence.

    In the `PackAttention` it returns, `heads` is (1, H, K x M): of each chain, one after the other, the measures in the
    order of MEASURES; and `received` is 0: it is the build's to compute.
    """

    known: tuple[KnownContacts, ...]
    """Of each chain."""

    def __call__(
        self, q: Tensor, k: Tensor, v: Tensor | None, *, pack: Pack, scaling: float, theta: float
    ) -> PackAttention:
        """Reduce one layer: q, k and v of shape (H, T, D)."""
        output = None if v is None else torch.empty_like(v)
        sums = np.empty((len(q), len(self.known), len(MEASURES)), np.float32)
        with torch.autocast(q.device.type, enabled=False):  # of mixed models: a softmax needs float32
            for head in range(len(q)):
                attention = _softmax(q[head].float() @ k[head].float().T * scaling)  # (T, T)
                if v is not None and output is not None:
                    output[head] = (attention @ v[head].float()).to(v.dtype)
                sums[head] = head_sums(attention[1:-1, 1:-1].cpu().numpy(), self.known, theta=theta)
        return PackAttention(output, torch.zeros(sum(pack.n_residues)), torch.from_numpy(sums.reshape(1, len(q), -1)))


def head_sums(attention: NDArray[np.float32], known: Sequence[KnownContacts], *, theta: float) -> NDArray[np.float64]:
    """Return the measures of one head's inner attention, (N, N), per chain, (K, M); NaN if one is not finite."""
    if not np.isfinite(attention.sum()):
        return np.full((len(known), len(MEASURES)), np.nan)
    edges = np.nonzero(attention >= np.float32(theta))
    scores = symmetric_scores(attention)
    return np.array([_against(attention, edges, scores, one) for one in known])


def symmetric_scores(attention: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the score of pairs that one head's inner attention, (N, N), makes: A + A^T less the average product."""
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


def _against(
    attention: NDArray[np.float32],
    edges: tuple[NDArray[np.intp], ...],
    scores: NDArray[np.float32],
    known: KnownContacts,
) -> list[float]:
    is_counted = known.is_known[edges[0]] & known.is_known[edges[1]]
    i, j = edges[0][is_counted], edges[1][is_counted]
    is_contact, weights = known.are_contacts(i, j), attention[i, j].astype(np.float64)
    is_best = highest(known.long_values(scores), known.n_known)
    masses = attention @ known.is_known.astype(np.float32)
    return [
        float(len(i)),
        is_contact.sum(),
        weights.sum(),
        weights[is_contact].sum(),
        masses[known.is_known].sum(dtype=np.float64),
        attention[tuple(known.contacts)].sum(dtype=np.float64),
        is_best[known.long_contacts].sum(),
    ]
