"""The attention of a head across two joined proteins, and the score that it gives every pair of residues.

The score is that of contact prediction within a protein (`contacts.single_heads`): A + A^T less the average product
(APC: Dunn et al., Bioinformatics 2008). The average product is that of the joined inner map, without linker and special
tokens, or that of the block across alone (`Apc`).

Axis letters: `N` residues of a protein, `M` of its partner, `T` tokens of both joined.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Apc = Literal["joined", "across"]
"""The part of the map over which the average product is taken."""

APC_PARTS: tuple[Apc, ...] = get_args(Apc)


@dataclass(frozen=True)
class AcrossMap:
    """The numbers of a map about pairs across; all are linear in the map, so their means are those of mean maps."""

    block: NDArray[np.float32]
    """Attention of a residue of the protein to one of the partner, both directions added, shape (N, M)."""
    mass: NDArray[np.float64]
    """Attention that each residue of the protein gives and receives within the joined inner map, shape (N,)."""
    partner_mass: NDArray[np.float64]
    """The same of the partner, shape (M,)."""
    received: NDArray[np.float32]
    """Attention that each residue of the protein receives from the partner, summed over queries, shape (N,)."""
    partner_received: NDArray[np.float32]
    """Attention that each residue of the partner receives from the protein, shape (M,)."""

    @property
    def is_finite(self) -> bool:
        """Return whether every number is finite, because a half-precision model may overflow."""
        return bool(np.isfinite(self.mass).all() and np.isfinite(self.partner_mass).all())

    @classmethod
    def average(cls, maps: Sequence[Self]) -> Self:
        """Return the mean of maps of the same two proteins."""
        names = cls.__dataclass_fields__
        return cls(**{name: sum(getattr(across, name) for across in maps) / len(maps) for name in names})

    def score(self, apc: Apc) -> NDArray[np.float32]:
        """Return the score of every pair across, shape (N, M)."""
        if apc == "joined":
            rows, columns = self.mass, self.partner_mass
            total = rows.sum() + columns.sum()
        else:
            rows, columns = self.block.sum(1, dtype=np.float64), self.block.sum(0, dtype=np.float64)
            total = rows.sum()
        if not total > 0:  # a head that gives residues nothing has no product
            return self.block
        product: NDArray[np.float32] = np.multiply.outer((rows / total).astype(np.float32), columns.astype(np.float32))
        return self.block - product


def cut_across_map(attention: Tensor, protein: slice, partner: slice) -> AcrossMap:
    """Return the numbers of a whole map, (T, T), about pairs across; the slices are the tokens of the two proteins."""
    within, across = attention[protein, protein], attention[protein, partner]
    backward, partner_within = attention[partner, protein], attention[partner, partner]
    mass = _sum(within, 0) + _sum(within, 1) + _sum(across, 1) + _sum(backward, 0)
    partner_mass = _sum(partner_within, 0) + _sum(partner_within, 1) + _sum(across, 0) + _sum(backward, 1)
    return AcrossMap(
        block=(across + backward.T).cpu().numpy(),
        mass=mass.cpu().numpy(),
        partner_mass=partner_mass.cpu().numpy(),
        received=backward.sum(0).cpu().numpy(),
        partner_received=across.sum(0).cpu().numpy(),
    )


def _sum(part: Tensor, axis: int) -> Tensor:
    return part.sum(axis, dtype=torch.float64)
