"""The last guard: whenever a model is loaded, its own eager attention on a known protein is compared with ours.

The configuration of a model does not say for certain how it computes attention, so it is tried. The known protein runs
in a pack between two others, so that results that depend on the other sequences, or on the place in a pack, show too.
So does a short one of all letters: what is wrong at the ends of a sequence, or with X, is lost in 300 residues.

Axis letters: `L` layers, `H` heads, `N` residues, `T = N + 2` tokens, `S` head statistics, `W` width of the model.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attlas.pipeline.attention.definitions import STATISTICS, reduce_map
from attlas.pipeline.encoder.attention_maps import MapReader, refuse_overflow
from attlas.pipeline.encoder.differences import compare_heads, compare_hidden, compare_profiles
from attlas.pipeline.encoder.loading import EAGER, has_global_token
from attlas.pipeline.model.attention_support import OTHER_ENCODER, wrong_attention
from attlas.pipeline.model.letters import OTHER_LETTERS
from attlas.pipeline.proteins.records import STANDARD_LETTERS
from attlas.schema import EnvironmentFault, Fault
from attlas.schema.errors import first_line

if TYPE_CHECKING:
    from attlas.pipeline.encoder.encoder import Encoder

N_KNOWN_RESIDUES = 300
"""Residues of the known protein, where the model reaches that far."""

FEWEST_AMINO_ACIDS = 3
"""Amino acids of the short known protein, beside the other letters that the model reads."""

N_BEYOND_WINDOW = 100
"""Residues by which the known protein is longer than a window that the configuration names."""

N_NEIGHBOUR_RESIDUES = 30
"""Residues of the two sequences between which the known protein runs."""

MAX_MAP_BYTES = 1 << 30
"""Largest size of the maps of all layers together, which the eager pass holds at once."""

WINDOW_SETTINGS = ("sliding_window", "local_attention", "attention_window", "window_size", "block_size", "chunk_size")
"""Settings of configurations by which architectures name a window of attention, in tokens."""


CAPTURING_MARK = "_output_capturing_hooks_installed"
"""Attribute by which transformers knows the modules that have its hooks."""

STATISTICS_OF_OTHER_CODE = tuple(name for name in STATISTICS if name != "n_edges")
"""Head statistics that are compared with those of other code: edges are counted where the last bit decides."""


@dataclass(frozen=True)
class KnownAttention:
    """What a model computes of the known protein."""

    received: NDArray[np.float32]
    """Attention received, shape (L, N)."""
    heads: NDArray[np.float32]
    """Head statistics, shape (L, H, S), in the order of STATISTICS."""
    hidden: NDArray[np.float32] | None = None
    """The hidden states of the last layer, shape (N, W), on which no attention depends; None where not computed."""


def attend_eagerly(encoder: "Encoder") -> list[tuple[str, KnownAttention]]:
    """Return the known proteins, the long one before the short one, with the model's own eager attention on each.

    The maps of a pass are held at once: L x H x T x T values of float32, 44 MB for ESM-2 8M, 240 MB for 650M.

    Raises:
        EnvironmentFault: the model has no such maps, maps of other layers than its configuration says, or maps that
            are not finite; or it cannot be run at all.
    """
    with _blaming_model(encoder, "the model's own eager attention on two known proteins"):
        sequences = make_known_protein(_choose_length(encoder)), make_short_protein(encoder)
        return [(sequence, _run_eager(encoder, sequence)) for sequence in sequences]


def check_attention(encoder: "Encoder", eager: Sequence[tuple[str, KnownAttention]]) -> KnownAttention:
    """Compare our attention on the known proteins with the model's own, which `attend_eagerly` returned.

    Returns our attention on the long one, with the hidden states of the eager pass, which ours ends before.

    Raises:
        EnvironmentFault: they differ by more than `encoder.attention_bound` of a layer's maximum; the model asks for
            attention that is not computed here (see `attention_support`); or it cannot be run at all.
    """
    attentions = []
    for sequence, reference in eager:
        with _blaming_model(encoder, f"attention on a known protein of {len(sequence)} residues"):
            attention = _run_known_protein(encoder, sequence)

        _refuse_other_profiles(encoder, attention.received, reference.received)
        _refuse_other_heads(encoder, attention.heads, reference)
        attentions.append(replace(attention, hidden=reference.hidden))
    return attentions[0]


@contextmanager
def _blaming_model(encoder: "Encoder", expected: str) -> Iterator[None]:
    """Say of any error that the model cannot be run: no protein of a build is to blame. Raises EnvironmentFault."""
    try:
        yield
    except Fault:
        raise
    except Exception as error:  # of the model, of its kernels or of the device
        raise EnvironmentFault(
            f"This {encoder.model.config.model_type} model cannot be run on the device {encoder.device}.",
            expected=expected,
            found=f"an error of its code or of the device: {first_line(error)}",
            hint="see whether config.json fits the weights, or use ESM-2 or another encoder of the transformers "
            "library; if that fails too, look at the device",
        ) from error


def _refuse_other_profiles(encoder: "Encoder", received: NDArray[np.float32], eager: NDArray[np.float32]) -> None:
    """Refuse a model if the attention received, shape (L, N), differs from that of its own eager attention."""
    worst = compare_profiles(received, eager)
    if not worst.share <= encoder.attention_bound:
        raise _unsupported_model(
            encoder,
            expected=f"attention received as the model's own eager attention gives it, within "
            f"{encoder.attention_bound:.0e} of the layer's maximum",
            found=f"on a known protein, in layer {worst.layer}, a difference of {worst.share:.1e} of the maximum "
            f"(maximum here {received[worst.layer].max():.4g}, of the model's own {eager[worst.layer].max():.4g})",
        )


def _refuse_other_heads(encoder: "Encoder", heads: NDArray[np.float32], eager: KnownAttention) -> None:
    """Refuse a model if head statistics, shape (L, H, S), differ: a mean over heads would not show swapped heads."""
    worst = compare_heads(heads, eager.heads, n_residues=eager.received.shape[1], statistics=STATISTICS_OF_OTHER_CODE)
    if not worst.deviation <= encoder.attention_bound:
        values = f"{worst.value:.5g} here, {worst.reference:.5g} by its own"
        raise _unsupported_model(
            encoder,
            expected=f"head statistics as its own eager attention gives them, within {encoder.attention_bound:.0e}",
            found=f"on a known protein, head {worst.layer}-{worst.head}: {worst.statistic} {values}",
        )


def check_known_protein(encoder: "Encoder") -> None:
    """Run the known protein again and compare all that is stored of it with what it was when the model was loaded.

    A device that fails, or computes other numbers, does not pass: not in a profile, nor in a head statistic, nor, once
    hidden states were taken, in the hidden state of the last layer. The check takes one small pack. The caller holds
    `encoder.lock`, as for every pass.

    Raises:
        EnvironmentFault: the device raises an error, or computes other numbers (see `encoder.attention_bound`).
    """
    _run_again(encoder, STATISTICS)


def check_compiled_layers(encoder: "Encoder") -> KnownAttention:
    """Compare attention by compiled layers, which is other code, with that before; return it. Raises as above."""
    return replace(_run_again(encoder, STATISTICS_OF_OTHER_CODE), hidden=encoder.known_attention.hidden)


def _run_again(encoder: "Encoder", statistics: Sequence[str]) -> KnownAttention:
    """Run the known protein again and return its attention. Raises as `check_known_protein`."""
    reference = encoder.known_attention
    n_residues = reference.received.shape[1]
    try:
        attention = _run_known_protein(encoder, find_known_sequence(encoder))
    except Fault:
        raise
    except Exception as error:
        raise _device_fault(encoder, found=first_line(error)) from error

    profile = compare_profiles(attention.received, reference.received)
    if not profile.share <= encoder.attention_bound:
        raise _device_fault(
            encoder, found=f"in layer {profile.layer} a difference of {profile.share:.1e} of the maximum of a profile"
        )

    head = compare_heads(attention.heads, reference.heads, n_residues=n_residues, statistics=statistics)
    if not head.deviation <= encoder.attention_bound:
        raise _device_fault(
            encoder,
            found=f"head {head.layer}-{head.head}: {head.statistic} {head.value:.5g}, {head.reference:.5g} before",
        )

    # Hidden states that were not finite at first, as half precision may have them, are the model's own.
    if attention.hidden is not None and reference.hidden is not None and np.isfinite(reference.hidden).all():
        share = compare_hidden(attention.hidden, reference.hidden)
        if not share <= encoder.attention_bound:
            raise _device_fault(
                encoder, found=f"in the hidden states of the last layer a difference of {share:.1e} of the maximum"
            )
    return attention


def make_known_protein(n_residues: int) -> str:
    """Return the known protein at a length, always the same: the 20 amino acids, then letters by SHA-256."""
    numbers = (hashlib.sha256(str(i).encode()).digest()[0] for i in range(n_residues))
    return (STANDARD_LETTERS + "".join(STANDARD_LETTERS[number % 20] for number in numbers))[:n_residues]


def make_short_protein(encoder: "Encoder") -> str:
    """Return the short known protein of a model: a few amino acids, and every other letter that it reads, such as X.

    Without letters whose token was never trained to finite numbers: their proteins fail, and no others.
    """
    table = encoder.model.get_input_embeddings()
    tokens = encoder.vocabulary.tokens
    others = [letter for letter in OTHER_LETTERS if letter in tokens]
    finite = [letter for letter in others if torch.isfinite(table.weight[tokens[letter]]).all()]
    return "".join([*STANDARD_LETTERS[:FEWEST_AMINO_ACIDS], *finite])[: encoder.max_residues]


def find_known_sequence(encoder: "Encoder") -> str:
    """Return the known protein at the length at which a loaded model was checked."""
    return make_known_protein(encoder.known_attention.received.shape[1])


def _choose_length(encoder: "Encoder") -> int:
    """Return the length of the known protein: longer than every window, within the reach of the model's positions.

    Raises:
        EnvironmentFault: a window is so long that the maps of the eager pass would fill the memory.
    """
    config = encoder.model.config
    windows = [_find_largest(getattr(config, name, None)) for name in WINDOW_SETTINGS]
    window = max(windows)
    n_residues = max(N_KNOWN_RESIDUES, window + N_BEYOND_WINDOW) if window else N_KNOWN_RESIDUES
    if encoder.max_residues is not None:
        n_residues = min(n_residues, encoder.max_residues)

    n_bytes = 4 * encoder.n_layers * encoder.n_heads * (n_residues + 2) ** 2
    if n_residues > N_KNOWN_RESIDUES and n_bytes > MAX_MAP_BYTES:
        raise _unsupported_model(
            encoder,
            expected=f"no window of attention, or one of fewer than about {_longest_window(encoder):,} residues",
            found=f"a configuration with a window of {window:,} tokens, too long to be checked in memory",
        )
    return n_residues


def _longest_window(encoder: "Encoder") -> int:
    """Return the longest window of attention, tokens, that the check has memory for."""
    return int((MAX_MAP_BYTES / (4 * encoder.n_layers * encoder.n_heads)) ** 0.5) - N_BEYOND_WINDOW


def _find_largest(setting: object) -> int:
    """Return the largest whole number of a setting: a number, or a list with one for each layer; 0 without any."""
    values = setting if isinstance(setting, (list, tuple)) else [setting]
    return max((value for value in values if isinstance(value, int)), default=0)


def _run_known_protein(encoder: "Encoder", sequence: str) -> KnownAttention:
    """Return our attention on the known protein, run between two others; and, once taken, the hidden states."""
    before, after = sequence[:N_NEIGHBOUR_RESIDUES][::-1], sequence[-N_NEIGHBOUR_RESIDUES:][::-1]
    pack = [before, sequence, after]
    if not encoder.gives_hidden:
        attention = encoder.encode(pack)[1]
        return KnownAttention(attention.received, attention.heads)

    place = 1
    if encoder.is_hooked:  # it runs one sequence at a time
        pack, place = [sequence], 0
    states: list[Tensor] = []
    forward = encoder.start(
        pack, add_hidden=lambda _, hidden: states.append(hidden), hidden_layers=[encoder.n_layers - 1]
    )
    attention = forward.results()[place]
    begin = sum(len(other) + 2 for other in pack[:place])
    first_residue = begin + (len(encoder.vocabulary.before) if encoder.is_hooked else 1)
    return KnownAttention(attention.received, attention.heads, _select_residues(states[0], first_residue, sequence))


def _select_residues(hidden: Tensor, first_residue: int, sequence: str) -> NDArray[np.float32]:
    """Return the hidden states of a sequence's residues, (N, W), of those of all tokens, (1, tokens, W)."""
    states = hidden[0, first_residue : first_residue + len(sequence)]
    values: NDArray[np.float32] = states.detach().float().cpu().numpy()
    return values


def _run_eager(encoder: "Encoder", sequence: str) -> KnownAttention:
    """Return the model's own eager attention on a sequence, which runs alone, reduced by the definitions.

    Raises:
        EnvironmentFault: the model does not return one map of every head for each of its layers, or numbers that are
            not finite.
    """
    tokens = torch.from_numpy(encoder.vocabulary.token_ids(sequence))
    with _eager_attention(encoder.model), encoder.precision():
        output = encoder.model(input_ids=tokens[None].to(encoder.device), output_attentions=True)

    maps = getattr(output, "attentions", None) or ()
    shapes = sorted({tuple(values.shape) for values in maps})
    if len(maps) != encoder.n_layers or any(shape[:2] != (1, encoder.n_heads) for shape in shapes):
        raise _unsupported_model(
            encoder,
            expected=f"{encoder.n_layers} layers with {encoder.n_heads} maps of {len(tokens)} by {len(tokens)} tokens",
            found=f"{len(maps)} layers with maps of the shapes {shapes}"[:300],
        )
    refuse_overflow(encoder.model, maps)

    # Of each layer attention received (N,) and head statistics (H, S).
    reader = MapReader(encoder.vocabulary, sequence, has_global_token=has_global_token(encoder.model.config))
    ordered = (reader.read(values, layer=layer) for layer, values in enumerate(maps))
    layers = [reduce_map(values.float(), theta=encoder.theta) for values in ordered]
    received, heads = (torch.stack(parts).cpu().numpy() for parts in zip(*layers, strict=True))
    hidden = _select_residues(output[0], len(encoder.vocabulary.before), sequence)
    return KnownAttention(received, heads, hidden)


@contextmanager
def _eager_attention(model: Any) -> Iterator[None]:
    """Let a model run its own eager attention, and restore our interface afterwards, without the hooks.

    When maps are requested, transformers installs hooks in the modules and leaves them there; code would be compiled
    with them.
    """
    hooks = {module: list(module._forward_hooks) for module in model.modules()}
    marked = {module for module in hooks if CAPTURING_MARK in module.__dict__}
    implementation = model.config._attn_implementation
    model.set_attn_implementation(EAGER)
    try:
        yield
    finally:
        model.set_attn_implementation(implementation)
        for module, earlier_hooks in hooks.items():
            for key in [key for key in module._forward_hooks if key not in earlier_hooks]:
                del module._forward_hooks[key]
            if module not in marked:
                module.__dict__.pop(CAPTURING_MARK, None)


def _unsupported_model(encoder: "Encoder", *, expected: str, found: str) -> EnvironmentFault:
    hint = f"{OTHER_ENCODER}; with half precision, try --dtype float32"
    return wrong_attention(encoder.model.config.model_type, expected=expected, found=found, hint=hint)


def _device_fault(encoder: "Encoder", *, found: str) -> EnvironmentFault:
    return EnvironmentFault(
        f"The device {encoder.device} no longer computes what it did when the model was loaded.",
        expected="the same attention on the same known protein",
        found=found,
        hint="look at the device (its log, its memory, nvidia-smi), then run the same command again",
    )
