"""The model: pack sequences end to end and run them, with the reductions inside the model's forward.

transformers' attention interface hands every layer's q, k and v, positions applied, to the pass at hand (`interface`),
which reduces them and returns the output. No padding, and no map outlives its tile.

Axis letters: `L` layers, `H` heads, `N` residues, `T = N + 2` tokens, `P` sequences in a pack, `S` head statistics.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attlas.pipeline.attention import Pack, Reduction, reduce_plain
from attlas.pipeline.guard import check_attention, check_known_protein
from attlas.pipeline.interface import attending
from attlas.pipeline.loading import load_model
from attlas.pipeline.model import ATTENTION_BOUNDS, MIXED, OFFSET_POSITIONS, ModelFiles
from attlas.pipeline.plan import fitting_tokens
from attlas.pipeline.vocabulary import read_vocabulary
from attlas.schema import EnvironmentFault


@dataclass(frozen=True)
class SequenceAttention:
    """What the model's attention says about one sequence."""

    received: NDArray[np.float32]
    """Attention received, shape (L, N)."""
    heads: NDArray[np.float32]
    """Head statistics, shape (L, H, S), in the order of `attention.STATISTICS`."""

    @property
    def is_finite(self) -> bool:
        """Tell whether every number is finite: overflow in a half-precision model shows here."""
        return bool(np.isfinite(self.received).all() and np.isfinite(self.heads).all())


def find_reduction(name: str) -> Reduction:
    """Return the way of reducing that a run names: "plain", "tiled" (on CPUs) or "triton" (on GPUs).

    Raises:
        EnvironmentFault: the library that the way is written in is not installed.
    """
    if name == "plain":
        return reduce_plain
    try:
        if name == "tiled":
            from attlas.pipeline.kernels.tiled import reduce_tiled

            return reduce_tiled
        from attlas.pipeline.kernels.triton_pass import reduce_triton
    except ImportError as error:
        raise EnvironmentFault(
            f"Attention on this device is reduced by the {name} kernels, which cannot be loaded.",
            found=str(error),
            hint="install attlas[build] whole; on a GPU, a torch with Triton; or plan with --device cpu",
        ) from error
    return reduce_triton


class Forward:
    """One forward pass of a pack: what its layers said so far. The results are read after the last."""

    def __init__(self, pack: Pack, *, n_layers: int, reduce: Reduction, theta: float) -> None:
        self.pack, self.n_layers, self.reduce, self.theta = pack, n_layers, reduce, theta
        self.received: list[Tensor] = []
        self.heads: list[Tensor] = []
        self._copied: torch.cuda.Event | None = None

    def add_layer(self, q: Tensor, k: Tensor, v: Tensor, *, scaling: float) -> Tensor:
        """Reduce one layer of the pack, q, k and v of shape (H, sum of T, D), and return its output, the same shape.

        Raises:
            _LastLayerDone: nothing after the last layer's attention is of use: neither its output nor what follows.
        """
        is_last = len(self.received) + 1 == self.n_layers
        layer = self.reduce(q, k, None if is_last else v, pack=self.pack, scaling=scaling, theta=self.theta)
        self.received.append(layer.received)
        self.heads.append(layer.heads)
        if layer.output is None:
            raise _LastLayerDone
        return layer.output

    def copy_to_host(self) -> None:
        """Begin to copy the results to the host, behind the work already queued on a GPU."""
        received, heads = torch.stack(self.received), torch.stack(self.heads)  # (L, sum of N), (L, P, H, S)
        if received.is_cuda:
            received, heads = _pinned(received), _pinned(heads)
            self._copied = torch.cuda.Event()
            self._copied.record()
        self._host = received, heads

    def stacked(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return `received` (L, sum of N) and `heads` (L, P, H, S) of all layers, waiting for a GPU to have them."""
        if self._copied is not None:
            self._copied.synchronize()
        received, heads = self._host
        return received.numpy(), heads.numpy()

    def results(self) -> list[SequenceAttention]:
        """Return what the attention says about each sequence."""
        received, heads = self.stacked()
        ends = np.cumsum(self.pack.n_residues)[:-1]
        profiles = np.split(received, ends, axis=1)
        return [SequenceAttention(profile, heads[:, i]) for i, profile in enumerate(profiles)]


def _pinned(values: Tensor) -> Tensor:
    return torch.empty(values.shape, dtype=values.dtype, pin_memory=True).copy_(values, non_blocking=True)


class _LastLayerDone(Exception):
    """Ends a forward pass after the last attention."""


class Encoder:
    """A model in memory, ready to reduce the attention of sequences, and held against its own eager attention.

    `lock` is to be held while a shard's packs run: one shard at a time uses the device, while another one's tables
    are written.

    Raises:
        EnvironmentFault: the weights do not fit the configuration; the tokenizer does not give each residue a token of
            its own; or the architecture's attention is not what is computed here (see `guard`).
    """

    def __init__(self, files: ModelFiles, *, device: str, dtype: str, theta: float, attention: str = "tiled") -> None:
        self.device = torch.device(device)
        self.theta = theta
        self.reduce = find_reduction(attention)
        self.n_layers, self.n_heads = files.shape.n_layers, files.shape.n_heads
        self.max_residues = files.shape.max_residues
        self.is_mixed = dtype == MIXED
        self.attention_bound = ATTENTION_BOUNDS[dtype]
        self.lock = threading.Lock()

        self.vocabulary = read_vocabulary(files)
        weights = torch.float32 if self.is_mixed else getattr(torch, dtype)
        self.model = load_model(files, weights).to(self.device)
        offset_positions = self.max_residues is not None and files.shape.architecture in OFFSET_POSITIONS
        self.first_position = (self.model.config.pad_token_id or 0) + 1 if offset_positions else 0

        self.fitting_tokens: int | None = None
        """Most tokens of several sequences that fit the device's memory at once; None where the plan's bound holds."""
        if self.device.type == "cuda":
            free = torch.cuda.mem_get_info(self.device)[0]
            self.fitting_tokens = fitting_tokens(free, files.shape, n_bytes=weights.itemsize)

        self.known_attention = check_attention(self)
        """What our attention says about the known protein, for `check_known_protein`."""
        if self.device.type == "cuda":
            compile_layers(self.model, self.n_layers)
            check_known_protein(self)  # once more, as compiled code is other code

    def encode(self, sequences: Sequence[str]) -> list[SequenceAttention]:
        """Run sequences through the model, packed end to end, and return what each one's attention says.

        The letters must be those of `proteins`: upper case, checked. Answers do not depend on the company in the
        pack, but for the last bits of the linear layers.
        """
        return self.start(sequences).results()

    def start(
        self, sequences: Sequence[str], *, reduce: Reduction | None = None, theta: float | None = None
    ) -> Forward:
        """Begin to `encode`: on a GPU this returns as soon as the work is queued.

        `reduce` and `theta` take the place of the run's own for this pass.

        Raises:
            EnvironmentFault: the model does not hand its attention to the attention interface.
        """
        ids = [torch.from_numpy(self.vocabulary.token_ids(sequence)) for sequence in sequences]
        pack = Pack(tuple(len(tokens) for tokens in ids), self.device)
        positions = torch.cat([torch.arange(n) for n in pack.n_tokens]) + self.first_position
        forward = Forward(
            pack,
            n_layers=self.n_layers,
            reduce=reduce or self.reduce,
            theta=self.theta if theta is None else theta,
        )
        with self.precision(), attending(forward.add_layer):
            try:
                self.model(input_ids=self._on_device(torch.cat(ids)), position_ids=self._on_device(positions))
            except _LastLayerDone:
                forward.copy_to_host()
        if len(forward.received) != self.n_layers:
            raise EnvironmentFault(
                "The model does not run its attention through transformers' attention interface.",
                expected=f"{self.n_layers} layers of attention",
                found=f"{len(forward.received)}",
                hint="use ESM-2 or another encoder that supports attention backends",
            )
        return forward

    @contextmanager
    def precision(self) -> Iterator[None]:
        """Run the model without gradients, its matrix products in float16 where the run is mixed."""
        half = torch.autocast(self.device.type, torch.float16, enabled=self.is_mixed)
        with torch.inference_mode(), half:
            yield

    def limit_pack(self, pack_tokens: int) -> int:
        """Return the most tokens of a pack: those of the plan, or fewer where the device's memory holds fewer."""
        return min(pack_tokens, self.fitting_tokens or pack_tokens)

    def free_memory(self) -> None:
        """Give cached memory back to the device, before less is tried where more did not fit."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _on_device(self, tokens: Tensor) -> Tensor:
        """Return (1, sum of T) on the device; a copy from pinned memory does not wait for the work before it."""
        tokens = tokens[None]
        return tokens.pin_memory().to(self.device, non_blocking=True) if self.device.type == "cuda" else tokens


def compile_layers(model: torch.nn.Module, n_layers: int, *, backend: str = "inductor") -> None:
    """Have torch compile a model's layers, one for all: they are alike, and the pack's length is left open.

    Not the last, which ends in the middle. The whole model at once took a minute to compile (docs/log.md).
    """
    stacks = [part for part in model.modules() if isinstance(part, torch.nn.ModuleList) and len(part) == n_layers]
    for layer in stacks[0][:-1] if stacks else ():
        layer.compile(dynamic=True, backend=backend)
