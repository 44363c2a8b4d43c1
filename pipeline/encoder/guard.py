"""The last guard: whenever a model is loaded, its own eager attention on a known protein is compared with ours.

The configuration of a model does not say for certain how it computes attention, so it is tried. The known protein runs
in a pack between two others, so that results that depend on the other sequences, or on the place in a pack, show too.

Axis letters: `L` layers, `H` heads, `N` residues, `T = N + 2` tokens, `S` head statistics.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from attlas.pipeline.attention.definitions import STATISTICS, reduce_map
from attlas.pipeline.encoder.attention_maps import MapReader
from attlas.pipeline.encoder.loading import EAGER, has_global_token
from attlas.pipeline.proteins.records import STANDARD_LETTERS
from attlas.schema import EnvironmentFault, Fault
from attlas.schema.errors import first_line

if TYPE_CHECKING:
    from attlas.pipeline.encoder.encoder import Encoder
    from attlas.pipeline.encoder.forward import SequenceAttention

N_KNOWN_RESIDUES = 300
"""Residues of the known protein, where the model reaches that far."""

N_BEYOND_WINDOW = 100
"""Residues by which the known protein is longer than a window that the configuration names."""

N_NEIGHBOUR_RESIDUES = 30
"""Residues of the two sequences between which the known protein runs."""

MAX_MAP_BYTES = 1 << 30
"""Largest size of the maps of all layers together, which the eager pass holds at once."""

WINDOW_SETTINGS = ("sliding_window", "local_attention", "attention_window", "window_size", "block_size", "chunk_size")
"""Settings of configurations by which architectures name a window of attention, in tokens."""


COMPARED_STATISTICS = tuple(i for i, name in enumerate(STATISTICS) if name != "n_edges")
"""Head statistics that are compared: edges are counted at a threshold, where the last bit decides."""


@dataclass(frozen=True)
class EagerAttention:
    """The model's own eager attention on one sequence, reduced."""

    received: NDArray[np.float32]
    """Attention received, shape (L, N)."""
    heads: NDArray[np.float32]
    """Head statistics, shape (L, H, S), in the order of STATISTICS."""


def attend_eagerly(encoder: "Encoder") -> EagerAttention:
    """Return the model's own eager attention on the known protein.

    The maps of the pass are held at once: L x H x T x T values of float32, 44 MB for ESM-2 8M, 240 MB for 650M.

    Raises:
        EnvironmentFault: the model has no such maps, or maps of other layers than its configuration says; or it
            cannot be run at all.
    """
    sequence = make_known_protein(_choose_length(encoder))
    with _blaming_model(encoder, sequence):
        return _run_eager(encoder, sequence)


def check_attention(encoder: "Encoder", eager: EagerAttention | None = None) -> "SequenceAttention":
    """Compare our attention on the known protein with the model's own eager attention; return ours.

    `eager` is the latter where it had to be computed before the model was changed; None computes it now.

    Raises:
        EnvironmentFault: they differ by more than `encoder.attention_bound` of a layer's maximum; the model asks for
            attention that is not computed here (see `attention_support`); or it cannot be run at all.
    """
    sequence = make_known_protein(_choose_length(encoder))
    with _blaming_model(encoder, sequence):
        attention = _run_known_protein(encoder, sequence)
    eager = eager or attend_eagerly(encoder)

    _refuse_other_profiles(encoder, attention.received, eager.received)
    _refuse_other_heads(encoder, attention.heads, eager.heads)
    return attention


@contextmanager
def _blaming_model(encoder: "Encoder", sequence: str) -> Iterator[None]:
    """Say of any error that the model cannot be run: no protein of a build is to blame. Raises EnvironmentFault."""
    try:
        yield
    except Fault:
        raise
    except Exception as error:  # of the model, of its kernels or of the device
        raise EnvironmentFault(
            f"This {encoder.model.config.model_type} model cannot be run on the device {encoder.device}.",
            expected=f"attention on one known protein of {len(sequence)} residues",
            found=first_line(error),
            hint="use ESM-2 or another encoder of the transformers library; if that fails too, look at the device",
        ) from error


def _refuse_other_profiles(encoder: "Encoder", received: NDArray[np.float32], eager: NDArray[np.float32]) -> None:
    """Refuse a model if the attention received, shape (L, N), differs from that of its own eager attention."""
    differences = _relative_differences(received, eager)
    worst = int(np.argmax(differences))  # NaN counts as the largest
    if not differences[worst] <= encoder.attention_bound:
        raise _unsupported_model(
            encoder,
            expected=f"attention received as the model's own eager attention gives it, within "
            f"{encoder.attention_bound:.0e} of the layer's maximum",
            found=f"on a known protein, in layer {worst}, a difference of {differences[worst]:.1e} of the maximum "
            f"(maximum here {received[worst].max():.4g}, of the model's own {eager[worst].max():.4g})",
        )


def _refuse_other_heads(encoder: "Encoder", heads: NDArray[np.float32], eager: NDArray[np.float32]) -> None:
    """Refuse a model if head statistics, shape (L, H, S), differ: a mean over heads would not show swapped heads."""
    scale = np.maximum(1, np.abs(eager[..., COMPARED_STATISTICS]))
    deviations = np.abs(heads - eager)[..., COMPARED_STATISTICS] / scale
    layer, head, i = np.unravel_index(int(np.argmax(deviations)), deviations.shape)
    if not deviations[layer, head, i] <= encoder.attention_bound:
        statistic = COMPARED_STATISTICS[i]
        values = f"{heads[layer, head, statistic]:.5g} here, {eager[layer, head, statistic]:.5g} by its own"
        raise _unsupported_model(
            encoder,
            expected=f"head statistics as its own eager attention gives them, within {encoder.attention_bound:.0e}",
            found=f"on a known protein, head {layer}-{head}: {STATISTICS[statistic]} {values}",
        )


def check_known_protein(encoder: "Encoder") -> None:
    """Run the known protein again and compare its attention with the attention when the model was loaded.

    A device that fails, or computes other numbers, does not pass. The check takes one small pack. The caller holds
    `encoder.lock`, as for every pass.

    Raises:
        EnvironmentFault: the device raises an error, or the profile of a layer differs by more than
            `encoder.attention_bound` of its maximum.
    """
    reference = encoder.known_attention
    try:
        attention = _run_known_protein(encoder, make_known_protein(reference.received.shape[1]))
    except Fault:
        raise
    except Exception as error:
        raise _device_fault(encoder, found=first_line(error)) from error

    differences = _relative_differences(attention.received, reference.received)
    if not differences.max() <= encoder.attention_bound:
        raise _device_fault(encoder, found=f"a difference of {differences.max():.1e} of the maximum of a layer")


def make_known_protein(n_residues: int) -> str:
    """Return the known protein at a length, always the same: the 20 amino acids, then letters by SHA-256."""
    numbers = (hashlib.sha256(str(i).encode()).digest()[0] for i in range(n_residues))
    return (STANDARD_LETTERS + "".join(STANDARD_LETTERS[number % 20] for number in numbers))[:n_residues]


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


def _run_known_protein(encoder: "Encoder", sequence: str) -> "SequenceAttention":
    """Return our attention on the known protein, run between two others."""
    before, after = sequence[:N_NEIGHBOUR_RESIDUES][::-1], sequence[-N_NEIGHBOUR_RESIDUES:][::-1]
    return encoder.encode([before, sequence, after])[1]


def _run_eager(encoder: "Encoder", sequence: str) -> EagerAttention:
    """Return the model's own eager attention on a sequence, which runs alone, reduced by the definitions.

    Raises:
        EnvironmentFault: the model does not return one map of every head for each of its layers.
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

    # Of each layer attention received (N,) and head statistics (H, S).
    reader = MapReader(encoder.vocabulary, sequence, has_global_token=has_global_token(encoder.model.config))
    ordered = (reader.read(values, layer=layer) for layer, values in enumerate(maps))
    layers = [reduce_map(values.float(), theta=encoder.theta) for values in ordered]
    received, heads = (torch.stack(parts).cpu().numpy() for parts in zip(*layers, strict=True))
    return EagerAttention(received, heads)


@contextmanager
def _eager_attention(model: Any) -> Iterator[None]:
    """Let a model run its own eager attention, and restore our interface afterwards, without the hooks.

    When maps are requested, transformers installs hooks in the modules and leaves them there; code would be compiled
    with them.
    """
    hooks = {module: list(module._forward_hooks) for module in model.modules()}
    implementation = model.config._attn_implementation
    model.set_attn_implementation(EAGER)
    try:
        yield
    finally:
        model.set_attn_implementation(implementation)
        for module, earlier_hooks in hooks.items():
            for key in [key for key in module._forward_hooks if key not in earlier_hooks]:
                del module._forward_hooks[key]
            module.__dict__.pop("_output_capturing_hooks_installed", None)


def _relative_differences(values: NDArray[np.float32], reference: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the largest difference of each layer as a share of the layer's maximum, (L,), of profiles (L, N)."""
    maximum = np.maximum(np.abs(reference).max(1), np.finfo(np.float32).tiny)
    differences: NDArray[np.float32] = np.abs(values - reference).max(1) / maximum
    return differences


def _unsupported_model(encoder: "Encoder", *, expected: str, found: str) -> EnvironmentFault:
    return EnvironmentFault(
        f"The attention of this {encoder.model.config.model_type} model cannot be computed right.",
        expected=expected,
        found=found,
        hint="use ESM-2, or another encoder in which every residue attends to every residue; with half precision, "
        "try --dtype float32",
    )


def _device_fault(encoder: "Encoder", *, found: str) -> EnvironmentFault:
    return EnvironmentFault(
        f"The device {encoder.device} no longer computes what it did when the model was loaded.",
        expected="the same attention on the same known protein",
        found=found,
        hint="look at the device (its log, its memory, nvidia-smi), then run the same command again",
    )
