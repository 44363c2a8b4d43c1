"""The last guard: one known protein through a model's own eager attention and through ours, at every load.

What a model does to its attention cannot be read off its configuration for certain, so it is tried. The known protein
runs in a pack between two others, so that answers that depend on the company, or on the place in a pack, show as well.

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

from attlas.pipeline.attention import STATISTICS, reduce_map
from attlas.pipeline.interface import INTERFACE
from attlas.pipeline.offline import first_line
from attlas.pipeline.proteins import STANDARD_LETTERS
from attlas.schema import EnvironmentFault, Fault

if TYPE_CHECKING:
    from attlas.pipeline.encoder import Encoder, SequenceAttention

N_KNOWN_RESIDUES = 300
"""Residues of the known protein, where the model reaches that far."""

N_BEYOND_WINDOW = 100
"""Residues by which the known protein is longer than a window that the configuration names."""

N_NEIGHBOUR_RESIDUES = 30
"""Residues of the two sequences between which the known protein runs."""

MOST_MAP_BYTES = 1 << 30
"""Largest size of the maps of all layers together, which the eager pass holds at once."""

WINDOW_SETTINGS = ("sliding_window", "local_attention", "attention_window", "window_size", "block_size", "chunk_size")
"""Settings of configurations by which architectures name a window of attention, in tokens."""


COMPARED_STATISTICS = tuple(i for i, name in enumerate(STATISTICS) if name != "n_edges")
"""Head statistics that are compared: edges are counted at a threshold, where the last bit decides."""


@dataclass(frozen=True)
class OwnAttention:
    """What a model's own eager attention says about one sequence."""

    received: NDArray[np.float32]
    """Attention received, shape (L, N)."""
    heads: NDArray[np.float32]
    """Head statistics, shape (L, H, S), in the order of STATISTICS."""


def check_attention(encoder: "Encoder") -> "SequenceAttention":
    """Hold our attention on the known protein against the model's own eager attention, and return ours.

    The maps of the eager pass are held at once: L x H x T x T values, 44 MB for ESM-2 8M, 240 MB for 650M in float32.

    Raises:
        EnvironmentFault: they differ by more than `encoder.attention_bound` of a layer's maximum; the model has no
            such maps, or of other layers than its configuration says; or it asks for attention that is not computed
            here (see `honoured`); or it cannot be run at all.
    """
    sequence = known_protein(_known_length(encoder))
    try:
        ours = _run_known(encoder, sequence)
        own = _own_attention(encoder, sequence)
    except Fault:
        raise
    except Exception as error:  # of the model, of its kernels or of the device: no protein of a build is to blame
        raise EnvironmentFault(
            f"This {encoder.model.config.model_type} model cannot be run on the device {encoder.device}.",
            expected=f"attention on one known protein of {len(sequence)} residues",
            found=first_line(error),
            hint="use ESM-2 or another encoder of the transformers library; if that fails too, look at the device",
        ) from error

    _refuse_other_profiles(encoder, ours.received, own.received)
    _refuse_other_heads(encoder, ours.heads, own.heads)
    return ours


def _refuse_other_profiles(encoder: "Encoder", ours: NDArray[np.float32], own: NDArray[np.float32]) -> None:
    """Refuse a model whose attention received, shape (L, N), differs from its own eager attention's."""
    differences = _relative_differences(ours, own)
    worst = int(np.argmax(differences))  # NaN counts as the largest
    if not differences[worst] <= encoder.attention_bound:
        raise _refused(
            encoder,
            expected=f"attention received as the model's own eager attention gives it, within "
            f"{encoder.attention_bound:.0e} of the layer's maximum",
            found=f"on a known protein, in layer {worst}, a difference of {differences[worst]:.1e} of the maximum "
            f"(maximum here {ours[worst].max():.4g}, of the model's own {own[worst].max():.4g})",
        )


def _refuse_other_heads(encoder: "Encoder", ours: NDArray[np.float32], own: NDArray[np.float32]) -> None:
    """Refuse a model whose head statistics, shape (L, H, S), differ: a mean over heads hides that heads are swapped."""
    deviations = np.abs(ours - own)[..., COMPARED_STATISTICS] / np.maximum(1, np.abs(own[..., COMPARED_STATISTICS]))
    layer, head, i = np.unravel_index(int(np.argmax(deviations)), deviations.shape)
    if not deviations[layer, head, i] <= encoder.attention_bound:
        statistic = COMPARED_STATISTICS[i]
        values = f"{ours[layer, head, statistic]:.5g} here, {own[layer, head, statistic]:.5g} by its own"
        raise _refused(
            encoder,
            expected=f"head statistics as its own eager attention gives them, within {encoder.attention_bound:.0e}",
            found=f"on a known protein, head {layer}-{head}: {STATISTICS[statistic]} {values}",
        )


def check_known_protein(encoder: "Encoder") -> None:
    """Run the known protein again and hold it against its attention as it was when the model was loaded.

    It tells whether the device still computes: a device that fails, or gives other numbers, does not pass. It takes
    one small pack. The caller holds `encoder.lock`, as for every pass.

    Raises:
        EnvironmentFault: the device raises an error, or the profile of a layer differs by more than
            `encoder.attention_bound` of its maximum.
    """
    known = encoder.known_attention
    try:
        again = _run_known(encoder, known_protein(known.received.shape[1]))
    except Fault:
        raise
    except Exception as error:
        raise _unhealthy(encoder, found=first_line(error)) from error

    differences = _relative_differences(again.received, known.received)
    if not differences.max() <= encoder.attention_bound:
        raise _unhealthy(encoder, found=f"a difference of {differences.max():.1e} of the maximum of a layer")


def known_protein(n_residues: int) -> str:
    """Return a protein of this length, the same every time: the 20 amino acids, then letters drawn by SHA-256."""
    drawn = (hashlib.sha256(str(i).encode()).digest()[0] for i in range(n_residues))
    return (STANDARD_LETTERS + "".join(STANDARD_LETTERS[number % 20] for number in drawn))[:n_residues]


def _known_length(encoder: "Encoder") -> int:
    """Return how long the known protein is: longer than every window, and no longer than the model's positions reach.

    Raises:
        EnvironmentFault: a window is so long that the maps of the eager pass would fill the memory.
    """
    config = encoder.model.config
    windows = [_largest(getattr(config, name, None)) for name in WINDOW_SETTINGS]
    window = max(windows)
    n_residues = max(N_KNOWN_RESIDUES, window + N_BEYOND_WINDOW) if window else N_KNOWN_RESIDUES
    if encoder.max_residues is not None:
        n_residues = min(n_residues, encoder.max_residues)

    n_bytes = 4 * encoder.n_layers * encoder.n_heads * (n_residues + 2) ** 2
    if n_residues > N_KNOWN_RESIDUES and n_bytes > MOST_MAP_BYTES:
        raise _refused(
            encoder,
            expected=f"no window of attention, or one of fewer than about {_longest_checked(encoder):,} residues",
            found=f"a configuration with a window of {window:,} tokens, too long to be checked in memory",
        )
    return n_residues


def _longest_checked(encoder: "Encoder") -> int:
    return int((MOST_MAP_BYTES / (4 * encoder.n_layers * encoder.n_heads)) ** 0.5) - N_BEYOND_WINDOW


def _largest(setting: object) -> int:
    """Return the largest whole number of a setting, which is one, or a list with one a layer; 0 where there is none."""
    values = setting if isinstance(setting, (list, tuple)) else [setting]
    return max((value for value in values if isinstance(value, int)), default=0)


def _run_known(encoder: "Encoder", sequence: str) -> "SequenceAttention":
    """Return our attention on the known protein, run between two others."""
    before, after = sequence[:N_NEIGHBOUR_RESIDUES][::-1], sequence[-N_NEIGHBOUR_RESIDUES:][::-1]
    return encoder.encode([before, sequence, after])[1]


def _own_attention(encoder: "Encoder", sequence: str) -> OwnAttention:
    """Return what the model's own eager attention says about a sequence, run alone, reduced by the definitions.

    Raises:
        EnvironmentFault: the model does not return one map of every head for each of its layers.
    """
    tokens = torch.from_numpy(encoder.vocabulary.token_ids(sequence))
    with _eager_attention(encoder.model), encoder.precision():
        output = encoder.model(input_ids=tokens[None].to(encoder.device), output_attentions=True)

    maps = getattr(output, "attentions", None) or ()
    shape = (1, encoder.n_heads, len(tokens), len(tokens))
    shapes = [tuple(values.shape) for values in maps]
    if shapes != [shape] * encoder.n_layers:
        raise _refused(
            encoder,
            expected=f"{encoder.n_layers} layers with {encoder.n_heads} maps of {len(tokens)} by {len(tokens)} tokens",
            found=f"{len(shapes)} layers with maps of the shapes {sorted(set(shapes))}"[:300],
        )
    # Rows of layers: attention received (N,) and head statistics (H, S).
    layers = [reduce_map(values[0].float(), theta=encoder.theta) for values in maps]
    received, heads = (torch.stack(parts).cpu().numpy() for parts in zip(*layers, strict=True))
    return OwnAttention(received, heads)


@contextmanager
def _eager_attention(model: Any) -> Iterator[None]:
    """Have a model run its own eager attention, and leave it as it was: our interface, and no hooks.

    transformers hooks into the modules whose maps it is asked for, for good; compiled code would be compiled around.
    """
    hooks = {module: list(module._forward_hooks) for module in model.modules()}
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(INTERFACE)
        for module, before in hooks.items():
            for key in [key for key in module._forward_hooks if key not in before]:
                del module._forward_hooks[key]
            module.__dict__.pop("_output_capturing_hooks_installed", None)


def _relative_differences(values: NDArray[np.float32], reference: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the largest difference in each layer over the layer's maximum, (L,), of profiles (L, N)."""
    maximum = np.maximum(np.abs(reference).max(1), np.finfo(np.float32).tiny)
    differences: NDArray[np.float32] = np.abs(values - reference).max(1) / maximum
    return differences


def _refused(encoder: "Encoder", *, expected: str, found: str) -> EnvironmentFault:
    return EnvironmentFault(
        f"The attention of this {encoder.model.config.model_type} model cannot be computed right.",
        expected=expected,
        found=found,
        hint="use ESM-2, or another encoder in which every residue attends to every residue; with half precision, "
        "try --dtype float32",
    )


def _unhealthy(encoder: "Encoder", *, found: str) -> EnvironmentFault:
    return EnvironmentFault(
        f"The device {encoder.device} no longer computes what it did when the model was loaded.",
        expected="the same attention on the same known protein",
        found=found,
        hint="look at the device (its log, its memory, nvidia-smi), then run the same command again",
    )
