"""The inputs of a layer of attention, drawn, and of a pack that lies on the CPU."""

from collections.abc import Iterable

import torch

from attlas.pipeline.attention.definitions import LayerInputs, Pack


def draw_layer(
    n_tokens: int, seed: int, *, n_heads: int = 3, width: int = 8
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return queries, keys and values, (H, T, D) each, the same every time."""
    generator = torch.Generator().manual_seed(seed)
    q, k, v = (torch.randn(n_heads, n_tokens, width, generator=generator) for _ in range(3))
    return q, k, v


def pack_layer(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor | None,
    lengths: Iterable[int],
    *,
    scaling: float = 1.0,
    **options: object,
) -> LayerInputs:
    """Return queries, keys and values of sequences that lie end to end, of so many tokens each."""
    return LayerInputs(q, k, v, pack=Pack(tuple(lengths), torch.device("cpu")), scaling=scaling, **options)
