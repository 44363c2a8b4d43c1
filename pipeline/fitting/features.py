"""The features of residues that a probe is fitted on, made while the model runs and held for one pack at a time.

Axis letters: `L` layers, `H` heads, `N` residues, `W` width of a hidden state, `P` sequences in a pack.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from attlas.pipeline.attention.definitions import LayerInputs, Pack, PackAttention
from attlas.pipeline.attention.receiving import MASS
from attlas.pipeline.attention.tiled import receive_by_head
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.fitting.memory import FEATURE_COPIES, limit_feature_tokens
from attlas.pipeline.plan import cut_packs
from attlas.schema import EnvironmentFault

SHARES_OF_MEMORY = 4
"""Of what is free on a GPU, the features of a pack and their copies take one in so many parts."""


@dataclass(frozen=True)
class PackFeatures:
    """The inputs of probes for the residues of a pack, its sequences end to end, on the device of the model."""

    lengths: tuple[int, ...]
    """Residues of each sequence."""
    heads: Tensor
    """Attention that each residue receives from each head, the sum over residues as queries, (sum of N, L, H)."""
    hidden: Tensor
    """The output of each layer, of the last after the model's final norm, (L, sum of N, W); (0, 0, 0) without."""

    @property
    def profile(self) -> Tensor:
        """Return attention received in each layer, the mean over heads, (sum of N, L)."""
        return self.heads.mean(2)

    @property
    def slices(self) -> list[slice]:
        """Return the residues of each sequence."""
        return [slice(begin, end) for begin, end in pairwise([0, *accumulate(self.lengths)])]


def iterate_features(
    encoder: Encoder, sequences: Sequence[str], *, pack_tokens: int, has_hidden: bool = True
) -> Iterator[tuple[slice, PackFeatures]]:
    """Yield the features of pack after pack, each with the slice of `sequences` that it holds.

    Nothing is kept: a pack's features are freed once the caller drops them.

    Args:
        encoder: the model.
        sequences: the sequences; those that stand together run together.
        pack_tokens: most tokens of a pack, as in the plan (`plan.pack_tokens`).
        has_hidden: whether hidden states are read, too.

    Raises:
        EnvironmentFault: as `compute_features`.
    """
    if has_hidden and pack_tokens > 1:
        width = int(encoder.model.config.hidden_size)
        n_bytes = _count_free_bytes(encoder) // (SHARES_OF_MEMORY * FEATURE_COPIES)
        pack_tokens = limit_feature_tokens(pack_tokens, n_layers=encoder.n_layers, width=width, n_bytes=n_bytes)
    for pack in cut_packs([len(sequence) for sequence in sequences], encoder.limit_pack(pack_tokens)):
        yield pack, compute_features(encoder, sequences[pack], has_hidden=has_hidden)


def _count_free_bytes(encoder: Encoder) -> int:
    """Return the free bytes of a GPU; 0 on a CPU."""
    return torch.cuda.mem_get_info(encoder.device)[0] if encoder.device.type == "cuda" else 0


def compute_features(encoder: Encoder, sequences: Sequence[str], *, has_hidden: bool = True) -> PackFeatures:
    """Return the features of the sequences of one pack.

    Raises:
        EnvironmentFault: the hidden states of the model cannot be read, or a number is not finite.
    """
    hidden: list[Tensor] = []
    places = find_places(encoder, sequences)

    def add_hidden(_: int, states: Tensor) -> None:
        hidden.append(states[0, places].float())

    reduce = ReceiveByHead(encoder)
    with encoder.lock:
        encoder.start(sequences, reduce=reduce, add_hidden=add_hidden if has_hidden else None)

    heads = torch.stack(reduce.received).permute(2, 0, 1).contiguous()
    features = PackFeatures(
        tuple(map(len, sequences)), heads, torch.stack(hidden) if hidden else heads.new_empty((0, 0, 0))
    )
    _refuse_not_finite(features)
    return features


class ReceiveByHead:
    """A `Reduction` that keeps what every residue receives from each head, layer by layer, in `received`.

    The `PackAttention` that it returns holds zeros: the build computes those numbers.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.receive = encoder.kernels.receive
        self.received: list[Tensor] = []
        """Attention received by the residues in each layer, (H, sum of N), float32, on the device."""

    def __call__(self, inputs: LayerInputs, *, theta: float) -> PackAttention:
        """Reduce one layer."""
        pack = inputs.pack
        output, received = self._receive(inputs)
        self.received.append(received[:, pack.residues].float())
        zeros = torch.zeros(sum(pack.n_residues)), torch.zeros(len(pack.n_tokens), len(inputs.q), 1)
        return PackAttention(output, *zeros)

    def _receive(self, inputs: LayerInputs) -> tuple[Tensor | None, Tensor]:
        """Return a layer's output and the mass that every token receives, (H, sum of T)."""
        if inputs.q.is_cuda:
            output, sums = self.receive(inputs, theta=math.inf)
            return output, sums[MASS]
        with torch.autocast(inputs.q.device.type, enabled=False):  # of mixed models: sums need float32
            return receive_by_head(inputs)


def find_places(encoder: Encoder, sequences: Sequence[str]) -> Tensor:
    """Return the places of the residues of a pack along its hidden states, (sum of N,), on the device."""
    if encoder.is_hooked:  # one sequence, its tokens in the model's own order
        (sequence,) = sequences
        places = [place for place in encoder.vocabulary.find_places(sequence)[1:-1] if place is not None]
        return torch.tensor(places, device=encoder.device)
    return Pack(tuple(len(sequence) + 2 for sequence in sequences), encoder.device).residues


def _refuse_not_finite(features: PackFeatures) -> None:
    """Refuse numbers that are not finite, as of a half-precision model that overflows. Raises EnvironmentFault."""
    if not (torch.isfinite(features.heads).all() and torch.isfinite(features.hidden.sum())):
        raise EnvironmentFault(
            "The model gives numbers that are not finite on a sequence of the atlas.",
            expected="finite attention and hidden states, as when the atlas was built",
            hint="fit on the device and with the library versions of the build (`attlas info`)",
        )
