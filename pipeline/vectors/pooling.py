"""Hidden states pooled to vectors while a pack runs, and the last layer of a build that goes on to its output.

Axis letters: `K` kinds, `L` layers asked for, `N` residues, `P` sequences of a pack, `T = N + 2` tokens, `W` width of
the model.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attlas.pipeline.attention.definitions import LayerInputs, PackAttention
from attlas.pipeline.attention.device_copy import copy_to_device
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.encoder.host_copy import HostCopy
from attlas.pipeline.vectors.kinds import make_pooling


class PoolHidden:
    """Pools the hidden states of a pack, layer by layer; its `add` is an `AddHidden`."""

    def __init__(
        self, encoder: Encoder, sequences: Sequence[str], *, kinds: tuple[str, ...], layers: tuple[int, ...]
    ) -> None:
        self.layers = layers
        self.places = _find_token_places(encoder, sequences)
        self.pooling = _make_poolings(kinds, self.places, encoder.device)
        """The weight of each token of each sequence in each kind of vector, (K, T)."""
        self.pooled: dict[int, Tensor] = {}
        """The vectors of each layer, (P, K, W) float32, on the device."""
        self._copy: HostCopy | None = None

    def add(self, layer: int, hidden: Tensor) -> None:
        """Pool the output of a layer, (1, tokens of the pack, W)."""
        states = hidden.detach().reshape(-1, hidden.shape[-1])  # XLNet's layers have the tokens first

        vectors = []
        with torch.autocast(states.device.type, enabled=False):  # of mixed models: means need float32
            for places, weights in zip(self.places, self.pooling, strict=True):
                vectors.append(weights @ _select(states, places).float())
        self.pooled[layer] = torch.stack(vectors)

    def copy_to_host(self) -> None:
        """Begin to copy the vectors to the host, once all layers are pooled."""
        self._copy = HostCopy(torch.stack([self.pooled[layer] for layer in self.layers], dim=1))

    def stack_vectors(self) -> NDArray[np.float32]:
        """Return the vectors of each sequence, (P, L, K, W), layers in the order asked for; waits for a GPU."""
        if self._copy is None:
            self.copy_to_host()
        assert self._copy is not None
        (vectors,) = self._copy.read()
        return vectors


def _make_poolings(kinds: tuple[str, ...], places: Sequence[NDArray[np.int64]], device: torch.device) -> list[Tensor]:
    """Return the pooling of each sequence, (K, T), on a device; in one copy, as a GPU would wait for each of many."""
    poolings = [make_pooling(kinds, len(of_sequence) - 2) for of_sequence in places]
    values = copy_to_device(torch.from_numpy(np.concatenate([pooling.ravel() for pooling in poolings])), device)
    parts = values.split([pooling.size for pooling in poolings])
    return [part.view(pooling.shape) for part, pooling in zip(parts, poolings, strict=True)]


def _find_token_places(encoder: Encoder, sequences: Sequence[str]) -> list[NDArray[np.int64]]:
    """Return the place of `<cls>`, each residue and `<eos>` of each sequence among the tokens of the pack, (T,) each.

    Of a token that the model does not have, it is the place of another: no kind of vector asks for it.
    """
    if encoder.is_hooked:  # one sequence, with its tokens in the model's own order
        return [
            np.array([place or 0 for place in encoder.vocabulary.find_places(sequence)], np.int64)
            for sequence in sequences
        ]
    places, begin = [], 0
    for sequence in sequences:
        end = begin + len(sequence) + 2
        places.append(np.arange(begin, end))
        begin = end
    return places


def _select(states: Tensor, places: NDArray[np.int64]) -> Tensor:
    """Return the hidden states of some tokens, (T, W); without a copy where they are consecutive."""
    begin, end = int(places[0]), int(places[-1]) + 1
    if end - begin == len(places) and (np.diff(places) == 1).all():
        return states[begin:end]
    return states[torch.from_numpy(places).to(states.device)]


class FinishLastLayer:
    """A `Reduction` of a build whose last layer goes on to its output; its numbers are those of a build without.

    The kernels of a GPU would give the last digits of the last layer otherwise where there are values: flash attention
    takes part then. So the layer's numbers are computed without them, and its output apart.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.kernels, self.n_layers = encoder.kernels, encoder.n_layers
        self.n_reduced = 0
        """Layers so far."""

    def __call__(self, inputs: LayerInputs, *, theta: float) -> PackAttention:
        """Reduce the next layer."""
        self.n_reduced += 1
        if self.n_reduced < self.n_layers:
            return self.kernels.reduce(inputs, theta=theta)

        layer = self.kernels.reduce(replace(inputs, v=None), theta=theta)
        return replace(layer, output=self.kernels.attend(inputs))
