"""The layers of a model compiled by torch, for a GPU."""

import torch


def compile_layers(model: torch.nn.Module, n_layers: int, *, backend: str = "inductor") -> None:
    """Compile the layers of a model with torch, once for all: they are alike, and the length of a pack stays variable.

    The last layer is not compiled: its pass ends in the middle. To compile the whole model took a minute (docs/log.md).
    Of a layer its `forward` is compiled, not its call: hooks, which take hidden states, are called outside of it. Those
    that are installed after a call was compiled never are.
    """
    stacks = [part for part in model.modules() if isinstance(part, torch.nn.ModuleList) and len(part) == n_layers]
    for layer in stacks[0][:-1] if stacks else ():
        layer.forward = torch.compile(layer.forward, dynamic=True, backend=backend)
