"""The hidden states of a model: what its layers hand on, given to the current pass layer by layer.

Axis letters: `T` tokens.
"""

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import torch
from torch import Tensor

from attlas.schema import EnvironmentFault

AddHidden = Callable[[int, Tensor], None]
"""Takes a layer, from 0, and its output, (1, sum of T, width); of the last layer after the model's final norm."""


@contextmanager
def taking_hidden(
    model: torch.nn.Module, add_hidden: AddHidden, *, layers: Collection[int], n_layers: int
) -> Iterator[None]:
    """Give the output of layers to `add_hidden` while the model runs in this thread; other threads may run it, too.

    That of the last layer is what the model returns, and not given here.

    Raises:
        EnvironmentFault: an earlier layer is asked for, and the model has no list of so many layers.
    """
    earlier = [layer for layer in sorted(layers) if layer != n_layers - 1]
    if not earlier:
        yield
        return
    stacks = [part for part in model.modules() if isinstance(part, torch.nn.ModuleList) and len(part) == n_layers]
    if not stacks:
        raise EnvironmentFault(
            "The hidden states of this model cannot be read.",
            expected=f"a list of {n_layers} layers, as in transformers' encoders",
            found=", ".join(type(part).__name__ for part in model.children()) or "no parts",
            hint="use ESM-2 or another encoder of the transformers library",
        )

    thread = threading.get_ident()

    def take(layer: int, _: torch.nn.Module, __: object, output: Tensor | tuple[Tensor, ...]) -> None:
        if threading.get_ident() == thread:
            add_hidden(layer, output if isinstance(output, Tensor) else output[0])

    with ExitStack() as handles:
        for layer in earlier:
            handle = stacks[0][layer].register_forward_hook(partial(take, layer))
            handles.callback(handle.remove)
        yield
