"""Whole maps of attention, of models that do not pass transformers' attention interface: the general fallback.

A hook on every module that makes a map takes the map of its layer as it is made, gives it to the current pass and drops
it, so that the map of one layer exists at a time. The maps are those that the model itself returns when asked for its
attentions; where they come from is found out by running it on a short sequence.

Axis letters: `L` layers, `H` heads, `N` residues, `T = N + 2` tokens, `K` tokens of the model's own order.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from attlas.pipeline.model.attention_support import OTHER_ENCODER, unsupported_attention
from attlas.pipeline.model.letters import Vocabulary
from attlas.schema import EnvironmentFault
from attlas.schema.errors import first_line

AXES = ((0, 1, 2, 3), (0, 2, 1, 3), (2, 3, 0, 1))
"""Orders of the axes in which modules return a map, as permutations to (1, H, K, K): those of most, of Longformer, and
of XLNet."""

LARGEST_ROW_ERROR = {torch.float32: 1e-3, torch.float64: 1e-3}
"""Largest difference from 1 of the sum of a row of a map, by dtype."""

LARGEST_HALF_ROW_ERROR = 0.05
"""The same in half precision."""


@dataclass(frozen=True)
class MapSource:
    """A module that makes maps, and where they are in the tuple that it returns."""

    module: torch.nn.Module
    place: int
    axes: tuple[int, ...]

    def select(self, output: tuple[Any, ...]) -> Tensor:
        """Return the map of a module's output, (1, H, K, keys)."""
        attention: Tensor = output[self.place].permute(self.axes)
        return attention


AddMap = Callable[[Tensor], None]
"""Takes the map of a layer as the model makes it, (1, H, K, keys)."""

_thread_state = threading.local()


@contextmanager
def taking_maps(add_map: AddMap) -> Iterator[None]:
    """Give the map of every layer that runs in this thread to `add_map`, and drop it."""
    _thread_state.add_map = add_map
    try:
        yield
    finally:
        del _thread_state.add_map


def install_hooks(model: Any, tokens: Tensor, *, n_layers: int) -> None:
    """Install the hooks in a model that runs its own attention; they do nothing outside of `taking_maps`.

    Args:
        model: the model, in evaluation mode.
        tokens: the tokens of a short sequence on the model's device, (1, K).
        n_layers: layers that the configuration names.

    Raises:
        EnvironmentFault: the model cannot be run; it does not return the maps of this many layers; they are not
            finite; no module makes them; or a residue attends only to those before it.
    """
    outputs: list[tuple[torch.nn.Module, tuple[Any, ...]]] = []

    def record(module: torch.nn.Module, _: object, output: object) -> None:
        if isinstance(output, tuple):
            outputs.append((module, output))

    handles = [module.register_forward_hook(record) for module in model.modules()]
    try:
        maps = getattr(model(input_ids=tokens, output_attentions=True), "attentions", None) or ()
    except Exception as error:  # of a model of any kind
        raise EnvironmentFault(
            f"This {model.config.model_type} model cannot be run with its own attention.",
            expected=f"the maps of a sequence of {tokens.shape[1]} tokens",
            found=first_line(error),
            hint="use ESM-2 or another encoder of the transformers library; with half precision, try --dtype float32",
        ) from error
    finally:
        for handle in handles:
            handle.remove()

    if len(maps) != n_layers or any(not isinstance(values, Tensor) or values.ndim != 4 for values in maps):
        raise unsupported_attention(model, f"the maps of {len(maps)} layers, where {n_layers} are expected")
    refuse_overflow(model, maps)
    if any(is_causal(values) for values in maps):
        raise unsupported_attention(model, "is_causal=True: a residue attends only to those before it")

    for source in dict.fromkeys(_find_sources(model, outputs, maps)):
        # Before transformers' own hooks, which would keep the map.
        source.module.register_forward_hook(partial(_take, source), prepend=True)


def refuse_overflow(model: Any, maps: Sequence[Tensor]) -> None:
    """Refuse maps with numbers that are not finite: nothing is equal to them. Raises EnvironmentFault."""
    layer = next((layer for layer, values in enumerate(maps) if not torch.isfinite(values).all()), None)
    if layer is not None:
        raise EnvironmentFault(
            f"The attention of this {model.config.model_type} model is not finite.",
            expected="maps of finite numbers on a short sequence",
            found=f"others in layer {layer}",
            hint="with half precision, try --dtype float32; otherwise the weights are damaged: copy the model again",
        )


def is_causal(attention: Tensor) -> bool:
    """Return whether no token attends to a later one, in maps (1, H, K, K)."""
    is_square = attention.shape[2] == attention.shape[3]
    return is_square and attention.shape[2] > 1 and not bool(attention.triu(1).any())


def _find_sources(
    model: Any, outputs: Sequence[tuple[torch.nn.Module, tuple[Any, ...]]], maps: Sequence[Tensor]
) -> Iterator[MapSource]:
    """Yield the module that made the map of each layer: the innermost, the first to return it.

    `outputs` are the outputs of all modules in the order in which they returned.
    """
    remaining = iter(outputs)
    for layer, attention in enumerate(maps):
        sources = (source for module, output in remaining if (source := _match(module, output, attention)))
        source = next(sources, None)
        if source is None:
            raise unsupported_attention(model, f"attention of which no module returns the map (layer {layer})")
        yield source


def _match(module: torch.nn.Module, output: tuple[Any, ...], attention: Tensor) -> MapSource | None:
    """Return where a module's output holds a map (1, H, K, keys), None where it does not."""
    for place, part in enumerate(output):
        if not isinstance(part, Tensor) or part.ndim != 4:
            continue
        for axes in AXES:
            values = part.permute(axes)[:, :, : attention.shape[2]]  # Longformer makes rows for its padding, too
            if values.shape == attention.shape and torch.equal(values, attention):
                return MapSource(module, place, axes)
    return None


def _take(source: MapSource, _: torch.nn.Module, __: object, output: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """Give a module's map to the current pass, and return its output with nothing in the map's place."""
    add_map: AddMap | None = getattr(_thread_state, "add_map", None)
    if add_map is None:
        return None

    add_map(source.select(output))
    nothing = output[source.place].new_empty((0, 0, 0, 0))
    return (*output[: source.place], nothing, *output[source.place + 1 :])


class MapReader:
    """Reads the maps of a model on one sequence, whose tokens are cut once for all layers.

    Args:
        vocabulary: the vocabulary of the model.
        sequence: the sequence.
        has_global_token: whether the maps are bands with the attention to the first token in a column before them.
    """

    def __init__(self, vocabulary: Vocabulary, sequence: str, *, has_global_token: bool = False) -> None:
        self.has_global_token = has_global_token
        self.n_residues = len(sequence)
        self.places = vocabulary.find_places(sequence)
        self.n_tokens = len(vocabulary.before) + vocabulary.count_tokens(sequence) + len(vocabulary.after)

    def read(self, attention: Tensor, *, layer: int) -> Tensor:
        """Return a map as the model makes it, (1, H, K or more, keys), in the order <cls>, residues, <eos>: (H, T, T).

        Where a model has no <cls> or no <eos>, its row and column are 0, and so is the row of a global token, which
        is none of those that are reduced. Where a token stands for several residues, each of them has its row, and an
        even share of its column (see `pieces`).

        Raises:
            EnvironmentFault: the map, that of `layer`, is not one of every token to every token.
        """
        origin = f"in layer {layer}, of a protein of {self.n_residues:,} residues"
        values = attention[0, :, : self.n_tokens]
        if self.has_global_token:
            to_first = values[:, :, 0]
            values = _spread_band(values[:, :, 1:], self.n_tokens, origin)
            values[:, :, 0] += to_first
        elif values.shape[2] != self.n_tokens or attention.shape[2] != self.n_tokens:
            values = _spread_band(values, self.n_tokens, origin)

        _refuse_other_sums(values[:, int(self.has_global_token) :], origin)
        if self.places == list(range(self.n_tokens)):
            return values

        present = [place for place in self.places if place is not None]
        rows = slice(int(self.places[0] is None), len(self.places) - int(self.places[-1] is None))
        ordered = values.new_zeros((len(values), len(self.places), len(self.places)))
        n_sharing = torch.bincount(torch.tensor(present), minlength=self.n_tokens)[present].to(values.device)
        ordered[:, rows, rows] = values[:, present][:, :, present] / n_sharing
        return ordered


def _spread_band(band: Tensor, n_tokens: int, origin: str) -> Tensor:
    """Return the map (H, K, K) of a band (H, K, 2w + 1), in which entry c of row i is the attention to i + c - w.

    `origin` names the layer and the protein for the error.
    """
    n_heads, n_rows, width = band.shape
    if n_rows != n_tokens or width % 2 == 0:
        raise _no_map(f"maps of {n_rows} by {width} for {n_tokens} tokens, {origin}")

    spread = band.new_zeros((n_heads, n_tokens, n_tokens + width - 1))
    stride = spread.stride()
    spread.as_strided(band.shape, (stride[0], stride[1] + 1, 1)).copy_(band)
    return spread[:, :, width // 2 : width // 2 + n_tokens]


def _refuse_other_sums(attention: Tensor, origin: str) -> None:
    """Refuse a map (H, K, K) whose rows do not sum to 1; what is not finite is left to who reads the results.

    `origin` names the layer and the protein for the error.
    """
    error = (attention.sum(2, dtype=torch.float32) - 1).abs().amax()
    if error > LARGEST_ROW_ERROR.get(attention.dtype, LARGEST_HALF_ROW_ERROR):
        raise _no_map(f"a row that differs from 1 by {float(error):.2g}, {origin}")


def _no_map(found: str) -> EnvironmentFault:
    return EnvironmentFault(
        "The attention of this model cannot be computed right.",
        expected="maps of every token to every token, whose rows sum to 1",
        found=found,
        hint=OTHER_ENCODER,
    )
