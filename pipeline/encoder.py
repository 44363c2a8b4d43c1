"""The model: load it from disk, pack sequences end to end, run it with the reductions inside its forward.

transformers' attention interface hands every layer's q, k and v, positions applied, to `_attend`, which reduces
them and returns the output. No padding, and no map outlives its tile.

Axis letters: `L` layers, `H` heads, `N` residues, `T = N + 2` tokens, `P` sequences in a pack, `S` head statistics.
"""

import logging
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pickle import PickleError
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor

from attlas.pipeline.attention import Pack, Reduction, reduce_plain
from attlas.pipeline.model import MIXED, OFFSET_POSITIONS, ModelFiles
from attlas.pipeline.plan import fitting_tokens
from attlas.pipeline.proteins import model_letters
from attlas.schema import EnvironmentFault

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # loading must never reach for the network; set before the import
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import transformers
from transformers import AttentionInterface, AutoConfig, AutoModel, AutoTokenizer
from transformers.masking_utils import AttentionMaskInterface
from transformers.models.esm.modeling_esm import EsmIntermediate

LOADING_ERRORS = (OSError, ValueError, KeyError, TypeError, RuntimeError, EOFError, PickleError, SafetensorError)
"""What a damaged or foreign model raises on the way into memory."""

INTERFACE = "attlas"
"""Our name in transformers' attention interface."""


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
    """A model in memory, ready to reduce the attention of sequences.

    `lock` is to be held while a shard's packs run: one shard at a time uses the device, while another one's tables
    are written.

    Raises:
        EnvironmentFault: the weights do not fit the configuration, or the architecture does not run its attention
            through transformers' attention interface.
    """

    def __init__(self, files: ModelFiles, *, device: str, dtype: str, theta: float, attention: str = "tiled") -> None:
        self.device = torch.device(device)
        self.theta = theta
        self.reduce = find_reduction(attention)
        self.n_layers = files.shape.n_layers
        self.is_mixed = dtype == MIXED
        weights = torch.float32 if self.is_mixed else getattr(torch, dtype)
        self.model = _load(files, weights).to(self.device).eval()
        self.letters, self.begin, self.end = _vocabulary(files)
        offset_positions = files.shape.max_residues is not None and files.shape.architecture in OFFSET_POSITIONS
        self.first_position = self.model.config.pad_token_id + 1 if offset_positions else 0
        self.lock = threading.Lock()
        self.fitting_tokens: int | None = None
        """Most tokens of several sequences that fit the device's memory at once; None where the plan's bound holds."""
        if self.device.type == "cuda":
            free = torch.cuda.mem_get_info(self.device)[0]
            self.fitting_tokens = fitting_tokens(free, files.shape, n_bytes=weights.itemsize)
            compile_layers(self.model, self.n_layers)

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
        ids = [self._token_ids(sequence) for sequence in sequences]
        pack = Pack(tuple(len(tokens) for tokens in ids), self.device)
        positions = torch.cat([torch.arange(n) for n in pack.n_tokens]) + self.first_position
        forward = Forward(
            pack,
            n_layers=self.n_layers,
            reduce=reduce or self.reduce,
            theta=self.theta if theta is None else theta,
        )
        half = torch.autocast(self.device.type, torch.float16, enabled=self.is_mixed)
        with torch.inference_mode(), half, _running(forward):
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

    def free_memory(self) -> None:
        """Give cached memory back to the device, before less is tried where more did not fit."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _on_device(self, tokens: Tensor) -> Tensor:
        """Return (1, sum of T) on the device; a copy from pinned memory does not wait for the work before it."""
        tokens = tokens[None]
        return tokens.pin_memory().to(self.device, non_blocking=True) if self.device.type == "cuda" else tokens

    def _token_ids(self, sequence: str) -> Tensor:
        letters = self.letters[np.frombuffer(model_letters(sequence).encode(), np.uint8)]
        return torch.from_numpy(np.concatenate([[self.begin], letters, [self.end]]))


_in_this_thread = threading.local()


@contextmanager
def _running(forward: Forward) -> Iterator[None]:
    """Make `forward` the one that attention is added to.

    Not an argument of the model: a compiled layer would be compiled again for every new one.
    """
    _in_this_thread.forward = forward
    try:
        yield
    finally:
        del _in_this_thread.forward


@torch.library.custom_op("attlas::attend", mutates_args=())
def _attend_op(query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
    """Attend within each sequence of the pack: (1, H, sum of T, D) each in, (1, sum of T, H, D) out, contiguous.

    An operator of its own, so that torch.compile fuses what is around it and does not look inside.
    """
    return _attend_in_pack(query, key, value, scaling)


def _attend_in_pack(query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
    forward: Forward = _in_this_thread.forward
    output = forward.add_layer(query[0], key[0], value[0], scaling=scaling)
    return output.transpose(0, 1).contiguous()[None]


@_attend_op.register_fake
def _(query: Tensor, key: Tensor, value: Tensor, scaling: float) -> Tensor:
    return value.new_empty((value.shape[0], value.shape[2], value.shape[1], value.shape[3]))


def _attend(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    **_: object,
) -> tuple[Tensor, None]:
    """Attend in the form of transformers' attention functions: (1, H, sum of T, D) in, (1, sum of T, H, D) out."""
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    # An operator costs its dispatch, and the layer that ends the pass raises through it: only compiled code needs one.
    attend = _attend_op if torch.compiler.is_compiling() else _attend_in_pack
    return attend(query, key, value, scale), None


def _no_mask(*_: object, **__: object) -> None:
    """Return no mask: the sequences of a pack are told apart by their lengths."""


AttentionInterface.register(INTERFACE, _attend)
AttentionMaskInterface.register(INTERFACE, _no_mask)


def compile_layers(model: torch.nn.Module, n_layers: int, *, backend: str = "inductor") -> None:
    """Have torch compile a model's layers, one for all: they are alike, and the pack's length is left open.

    Not the last, which ends in the middle. The whole model at once took a minute to compile (docs/log.md).
    """
    stacks = [part for part in model.modules() if isinstance(part, torch.nn.ModuleList) and len(part) == n_layers]
    for layer in stacks[0][:-1] if stacks else ():
        layer.compile(dynamic=True, backend=backend)


def _load(files: ModelFiles, dtype: torch.dtype) -> Any:
    with _quiet():
        try:
            config = AutoConfig.from_pretrained(files.directory, local_files_only=True)
            options = {"add_pooling_layer": False} if _has_pooler(config) else {}
            model, report = AutoModel.from_pretrained(
                files.directory, dtype=dtype, local_files_only=True, output_loading_info=True, **options
            )
        except LOADING_ERRORS as error:
            raise EnvironmentFault(
                f"The model in {files.directory} cannot be loaded.",
                expected="an encoder of the transformers library with its weights",
                found=f"{type(error).__name__}: {str(error).splitlines()[0][:300]}",
                hint="copy the model again, or use another",
            ) from error
    # The contact head is no part of attention; every other weight has to be there, or the numbers are random.
    missing = sorted(key for key in report["missing_keys"] if not key.startswith(("contact_head.", "pooler.")))
    if any(key.startswith("contact_head.") for key in report["missing_keys"]):
        model.contact_head = None  # a random one must not predict contacts
    if missing:
        raise EnvironmentFault(
            f"The weights in {files.directory} do not fill the model: {len(missing)} are missing.",
            expected=f"the weights of a {config.model_type} model",
            offenders=missing,
            hint="the weights belong to another architecture, or the copy is not whole",
        )
    if not getattr(model, "_supports_attention_backend", False):
        raise EnvironmentFault(
            f"A {config.model_type} model does not support transformers' attention interface.",
            hint="use ESM-2 or another encoder that does",
        )
    model.set_attn_implementation(INTERFACE)
    if dtype == torch.float32:
        _fuse_gelu(model)
    return model


def _fuse_gelu(model: Any) -> None:
    """Have ESM-2's feed-forward layers use torch's GELU, one pass over memory where transformers' own takes five.

    Equal to the last bit or two of a float32; in half precision, where they differ, nothing is changed.
    """
    for module in list(model.modules()):
        for name, part in module.named_children():
            if isinstance(part, EsmIntermediate):
                setattr(module, name, _FeedForward(part.dense))


class _FeedForward(torch.nn.Module):
    def __init__(self, dense: torch.nn.Linear) -> None:
        super().__init__()
        self.dense = dense

    def forward(self, hidden_states: Tensor) -> Tensor:
        return torch.nn.functional.gelu(self.dense(hidden_states))


def _has_pooler(config: Any) -> bool:
    try:
        return "add_pooling_layer" in transformers.AutoModel._model_mapping[type(config)].__init__.__code__.co_varnames
    except (KeyError, AttributeError):
        return False


def _vocabulary(files: ModelFiles) -> tuple[NDArray[np.int64], int, int]:
    """Return token ids by letter code (256 entries), and those that begin and end a sequence."""
    with _quiet():
        tokenizer = AutoTokenizer.from_pretrained(files.directory, local_files_only=True)
    begin = tokenizer.cls_token_id
    end = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else tokenizer.sep_token_id
    unknown = tokenizer.unk_token_id
    x = tokenizer.convert_tokens_to_ids("X")
    if begin is None or end is None or x in (None, unknown):
        raise EnvironmentFault(
            f"The vocabulary of {files.directory} is not that of a protein model.",
            expected="a token for each amino acid and X, one that begins and one that ends a sequence",
            found=f"begin {begin}, end {end}, X {x}",
        )
    ids = np.full(256, x, np.int64)  # a letter the model has no token for is an unknown residue, X
    for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ":
        token = tokenizer.convert_tokens_to_ids(letter)
        if token is not None and token != unknown:
            ids[ord(letter)] = token
    return ids, int(begin), int(end)


@contextmanager
def _quiet() -> Any:
    """Silence transformers' loading report and bars: what matters in them is raised as an error above."""
    logger = logging.getLogger("transformers")
    level = logger.level
    transformers.utils.logging.disable_progress_bar()
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
