"""A forward pass of a pack: its attention is reduced layer by layer, and read after the last.

Axis letters: `L` layers, `H` heads, `N` residues, `T = N + 2` tokens, `P` sequences in a pack, `S` head statistics.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attlas.pipeline.attention.added_scores import MapScores, OffsetScores
from attlas.pipeline.attention.definitions import LayerInputs, Pack, PackAttention, Reduction, repeat_heads
from attlas.pipeline.encoder.host_copy import HostCopy


@dataclass(frozen=True)
class SequenceAttention:
    """The attention of the model on one sequence, reduced."""

    received: NDArray[np.float32]
    """Attention received, shape (L, N)."""
    heads: NDArray[np.float32]
    """Head statistics, shape (L, H, S), in the order of `definitions.STATISTICS`."""
    vectors: NDArray[np.float32] | None = None
    """Its pooled hidden states, if the build wants vectors."""

    @cached_property
    def is_finite(self) -> bool:
        """Return whether every number is finite: a half-precision model may overflow."""
        return bool(np.isfinite(self.received).all() and np.isfinite(self.heads).all())


class Forward:
    """A forward pass of a pack: the results of its layers so far. They are read after the last layer."""

    def __init__(
        self,
        pack: Pack,
        *,
        n_layers: int,
        reduce: Reduction,
        theta: float,
        hidden_ends: tuple[bool, bool] = (False, False),
        is_last_finished: bool = False,
        takes_key_groups: bool = False,
    ) -> None:
        self.pack, self.n_layers, self.reduce, self.theta = pack, n_layers, reduce, theta
        self.hidden_ends = hidden_ends
        """Whether the first and the last token of each sequence are fillers, because the model has no such tokens."""
        self.is_last_finished = is_last_finished
        """Whether the model runs on after its last attention, to its last hidden state."""
        self.takes_key_groups = takes_key_groups
        """Whether `reduce` takes fewer key heads than query heads; if not, they are repeated for it."""
        self.received: list[Tensor] = []
        self.heads: list[Tensor] = []

    def add_layer(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        *,
        scaling: float,
        bias: Tensor | None = None,
        window: int | None = None,
    ) -> Tensor:
        """Reduce one layer of the pack, q, k and v of shape (H, sum of T, D), and return its output, the shape of `q`.

        `k` and `v` may have fewer heads. `bias` and `window` are those of `added_scores.OffsetScores`.

        Raises:
            PassFinished: the attention of the last layer was added, and the rest of the model is not needed.
        """
        if not self.takes_key_groups:
            k, v = repeat_heads(k, len(q)), repeat_heads(v, len(q))
        is_end = len(self.received) + 1 == self.n_layers and not self.is_last_finished
        inputs = LayerInputs(q, k, None if is_end else v, self.pack, scaling, self._find_added(bias, window))

        layer = self.reduce(inputs, theta=self.theta)
        self._keep(layer)
        if layer.output is None:
            raise PassFinished
        return layer.output

    def add_map(self, attention: Tensor) -> None:
        """Reduce one layer of a pack of one sequence, from its map (H, T, T).

        Raises:
            PassFinished: as `add_layer`.
        """
        empty = attention.new_empty((*attention.shape[:2], 0), dtype=torch.float32)
        layer = self.reduce(LayerInputs(empty, empty, None, self.pack, 1.0, MapScores(attention)), theta=self.theta)
        self._keep(layer)
        if len(self.received) == self.n_layers and not self.is_last_finished:
            raise PassFinished

    def _keep(self, layer: PackAttention) -> None:
        """Keep the results of a layer."""
        self.received.append(layer.received)
        self.heads.append(layer.heads)

    def _find_added(self, bias: Tensor | None, window: int | None) -> OffsetScores | None:
        """Return the numbers that are added to the scores of a layer, None where there are none, as in ESM-2."""
        if bias is None and window is None and not any(self.hidden_ends):
            return None
        return OffsetScores(bias, window, *self.hidden_ends)

    def copy_to_host(self) -> None:
        """Begin to copy the results to the host, after the work that is already queued on a GPU."""
        received, heads = torch.stack(self.received), torch.stack(self.heads)  # (L, sum of N), (L, P, H, S)
        self._host_copy = HostCopy(received, heads)

    def stack_results(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return `received` (L, sum of N) and `heads` (L, P, H, S) of all layers; waits for a GPU to finish them."""
        received, heads = self._host_copy.read()
        return received, heads

    def results(self) -> list[SequenceAttention]:
        """Return the attention of each sequence."""
        received, heads = self.stack_results()
        ends = np.cumsum(self.pack.n_residues)[:-1]
        profiles = np.split(received, ends, axis=1)
        return [SequenceAttention(profile, heads[:, i]) for i, profile in enumerate(profiles)]


class PassFinished(Exception):
    """Ends a forward pass after the last attention."""
