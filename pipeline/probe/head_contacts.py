"""What single heads attend to in a structure: edges and attention between residues in contact, per layer and head.

The count form of Vig et al. (ICLR 2021) for a property of pairs: of the edges between residues with coordinates, how
many join residues in contact that are 6 or more apart. No edge is stored, only the sums.

Axis letters: `H` heads, `N` residues, `T = N + 2` tokens, `P` sequences in a pack, `R` query rows of a tile.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from attlas.pipeline.attention import Pack, PackAttention
from attlas.pipeline.kernels.tiled import Tile
from attlas.pipeline.probe.attending import attend
from attlas.pipeline.probe.contact_pairs import RANGES
from attlas.pipeline.probe.structure_contacts import KnownContacts

PAIR_MEASURES = ("edges", "contact_edges", "mass", "contact_mass")
"""Of ordered pairs with coordinates on both sides, i = j and near ones included: edges, edges that are contacts, all
attention, attention between contacts."""


@dataclass(frozen=True)
class ReduceToContactEdges:
    """A `Reduction` that counts each head's edges between residues in contact, for the sequences of one pack.

    In the `PackAttention` it returns, `heads` is (P, H, 4) in the order of PAIR_MEASURES, and `received` 0: it is the
    build's to compute.
    """

    known: tuple[KnownContacts, ...]
    """Of each sequence of the pack."""

    def __call__(
        self, q: Tensor, k: Tensor, v: Tensor | None, *, pack: Pack, scaling: float, theta: float
    ) -> PackAttention:
        """Reduce one layer: q, k and v of shape (H, sum of T, D)."""
        masks = [_masks(one).to(q.device) for one in self.known]
        sums = torch.zeros((len(masks), len(q), 2, 2), dtype=torch.float64, device=q.device)

        def add(tile: Tensor, at: Tile) -> None:
            rows = masks[at.sequence][:, at.first : at.first + tile.shape[1]].flatten(1).T  # (R x T, 2)
            weights = tile.view(len(tile), -1)  # (heads, R x T)
            sums[at.sequence, at.heads, 0] += (weights >= theta).float() @ rows  # below 2 ** 24: exact
            sums[at.sequence, at.heads, 1] += weights @ rows

        output = attend(q, k, v, pack=pack, scaling=scaling, add=add)
        received = q.new_zeros(sum(pack.n_residues), dtype=torch.float32)
        return PackAttention(output, received, sums.flatten(2).float())


def n_eligible(known: KnownContacts) -> tuple[int, int]:
    """Return the background's counts: ordered pairs with coordinates, and of these those that count as contacts."""
    all_pairs, contacts = _masks(known).sum((1, 2), dtype=torch.float64).tolist()
    return int(all_pairs), int(contacts)


def _masks(known: KnownContacts) -> Tensor:
    """Return pairs with coordinates, and contacts among them, as 1 and 0: (2, T, T), special tokens 0."""
    n = len(known.is_known)
    position = np.arange(n)
    is_apart = np.abs(position[:, None] - position) >= RANGES["short"].first
    masks = torch.zeros((2, n + 2, n + 2))
    masks[0, 1:-1, 1:-1] = torch.from_numpy(known.is_known[:, None] & known.is_known)
    masks[1, 1:-1, 1:-1] = torch.from_numpy(known.is_contact & is_apart)
    return masks
