"""The inputs that a probe is fitted on, as columns of the blocks of features that are summed.

Four blocks hold every input: windows of letters, what a residue receives from all heads, the hidden state of a layer,
and the products of the last two. A profile is the mean over the heads of a layer, and so follows from their sums.

Axis letters: `L` layers, `H` heads, `N` residues, `W` width of a hidden state, `D` columns of an input.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.fitting.letters import N_LETTERS, REACH, WINDOW_COLUMNS

if TYPE_CHECKING:
    from torch import Tensor

LETTER = "letter"
WINDOW = "window"
PROFILE = "profile"
ATTENTION = "attention"
EMBEDDING = "embedding"
BOTH = "both"
OF_LETTERS = (LETTER, WINDOW)
"""Inputs that know nothing of the model."""

SEPARATION = "separation"
ATTENTION_PAIRS = "attention pairs"
EMBEDDING_PAIRS = "embedding pairs"
"""Inputs of pairs of residues; the separation alone knows nothing of the model."""
MOST_DIRECTIONS = 32
"""Principal directions of a layer's output whose products are taken."""


@dataclass(frozen=True)
class ProbeInput:
    """What a probe is fitted on."""

    kind: str
    """`letter`; `window` of letters; `profile`; `attention` from each head; `embedding`, a hidden state; `both`. Of
    pairs: `separation`; `attention pairs`, the corrected map of each head; `embedding pairs`, products."""
    layer: int | None
    """The layer, 0-based; None: of letters no layer, of attention all layers. `both` is the hidden state of the layer
    with the attention of all layers."""


@dataclass(frozen=True)
class Shape:
    """The sizes of a model that the blocks depend on."""

    n_layers: int
    n_heads: int
    width: int

    @property
    def n_maps(self) -> int:
        """Return the number of all heads."""
        return self.n_layers * self.n_heads

    def list_inputs(self) -> list[ProbeInput]:
        """Return every input of a model of this shape, those without a layer at the beginning."""
        layers = range(self.n_layers)
        whole = [ProbeInput(kind, None) for kind in (LETTER, WINDOW, PROFILE, ATTENTION)]
        return whole + [ProbeInput(kind, layer) for kind in (PROFILE, ATTENTION, EMBEDDING, BOTH) for layer in layers]

    def list_pair_inputs(self) -> list[ProbeInput]:
        """Return every input of pairs of residues, those without a layer at the beginning."""
        whole = [ProbeInput(SEPARATION, None), ProbeInput(ATTENTION_PAIRS, None)]
        kinds = (ATTENTION_PAIRS, EMBEDDING_PAIRS)
        return whole + [ProbeInput(kind, layer) for kind in kinds for layer in range(self.n_layers)]


def find_window_columns(kind: str) -> slice:
    """Return the columns of the window's block that an input of letters has."""
    return slice(REACH * N_LETTERS, (REACH + 1) * N_LETTERS) if kind == LETTER else slice(0, WINDOW_COLUMNS)


def map_heads(source: ProbeInput, shape: Shape) -> NDArray[np.float64]:
    """Return the matrix that makes the columns of an input of attention of those of all heads, (L x H, D)."""
    heads: NDArray[np.float64] = np.eye(shape.n_maps)
    if source.kind == PROFILE:
        heads = heads.reshape(shape.n_maps, shape.n_layers, shape.n_heads).mean(2)
        return heads if source.layer is None else heads[:, source.layer : source.layer + 1]
    if source.layer is None or source.kind == BOTH:
        return heads
    return heads[:, source.layer * shape.n_heads : (source.layer + 1) * shape.n_heads]


@dataclass(frozen=True)
class FeatureBlocks:
    """The features of residues, as blocks of columns, float64 on the device of the model."""

    window: "Tensor"
    """Letters of the window, (N, WINDOW_COLUMNS)."""
    heads: "Tensor"
    """Attention received from each head, (N, L x H)."""
    hidden: "Tensor"
    """Hidden states, (L, N, W)."""

    def select(self, residues: "Tensor") -> "FeatureBlocks":
        """Return the blocks of some residues, by their places."""
        return FeatureBlocks(self.window[residues], self.heads[residues], self.hidden[:, residues])
