"""The model: load it from disk, pack sequences end to end, run it with the reductions inside its forward.

transformers' attention interface hands every layer's q, k and v, positions applied, to `_attend`, which reduces
them sequence by sequence and returns the output. No padding, and no map outlives its tile.

Axis letters: `L` layers, `H` heads, `N` residues, `T = N + 2` tokens, `S` head statistics.
"""

import logging
import os
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pickle import PickleError
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor

from attlas.pipeline.attention import STATISTICS, Reduction, reduce_plain, reduce_tiled
from attlas.pipeline.model import OFFSET_POSITIONS, ModelFiles
from attlas.pipeline.proteins import model_letters
from attlas.schema import EnvironmentFault

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # loading must never reach for the network; set before the import
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import transformers
from transformers import AttentionInterface, AutoConfig, AutoModel, AutoTokenizer
from transformers.masking_utils import AttentionMaskInterface

REDUCTIONS: dict[str, Reduction] = {"tiled": reduce_tiled, "plain": reduce_plain}
"""The ways of reducing, by the name a run records."""

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


class Reductions:
    """What the layers of one forward pass say about the sequences of a pack; handed down to the attention."""

    def __init__(self, *, n_tokens: Sequence[int], shape: tuple[int, int], reduce: Reduction, theta: float) -> None:
        n_layers, n_heads = shape
        self.n_tokens = tuple(n_tokens)
        self.reduce = reduce
        self.theta = theta
        self.n_layers_seen = 0
        self.results = [
            SequenceAttention(
                np.empty((n_layers, n - 2), np.float32), np.empty((n_layers, n_heads, len(STATISTICS)), np.float32)
            )
            for n in n_tokens
        ]

    def add_layer(self, q: Tensor, k: Tensor, v: Tensor, *, scaling: float) -> Tensor:
        """Reduce one layer of the pack, q, k and v of shape (H, sum of T, D), and return its output, the same shape."""
        outputs = []
        begin = 0
        for n, result in zip(self.n_tokens, self.results, strict=True):
            tokens = slice(begin, begin + n)
            layer = self.reduce(q[:, tokens], k[:, tokens], v[:, tokens], scaling=scaling, theta=self.theta)
            result.received[self.n_layers_seen] = layer.received.cpu().numpy()
            result.heads[self.n_layers_seen] = layer.heads.cpu().numpy()
            outputs.append(layer.output)
            begin += n
        self.n_layers_seen += 1
        return torch.cat(outputs, dim=1)


class Encoder:
    """A model in memory, ready to reduce the attention of sequences.

    Raises:
        EnvironmentFault: the weights do not fit the configuration, or the architecture does not run its attention
            through transformers' attention interface.
    """

    def __init__(self, files: ModelFiles, *, device: str, dtype: str, theta: float, attention: str = "tiled") -> None:
        self.device = torch.device(device)
        self.theta = theta
        self.reduce = REDUCTIONS[attention]
        self.shape = (files.shape.n_layers, files.shape.n_heads)
        self.model = _load(files, getattr(torch, dtype)).to(self.device).eval()
        self.letters, self.begin, self.end = _vocabulary(files)
        offset_positions = files.shape.max_residues is not None and files.shape.architecture in OFFSET_POSITIONS
        self.first_position = self.model.config.pad_token_id + 1 if offset_positions else 0

    def encode(self, sequences: Sequence[str]) -> list[SequenceAttention]:
        """Run sequences through the model, packed end to end, and return what each one's attention says.

        The letters must be those of `proteins`: upper case, checked. Answers do not depend on the company in the
        pack, but for the last bits of the linear layers.
        """
        ids = [self._token_ids(sequence) for sequence in sequences]
        n_tokens = [len(tokens) for tokens in ids]
        positions = torch.cat([torch.arange(n) for n in n_tokens]) + self.first_position
        reductions = Reductions(n_tokens=n_tokens, shape=self.shape, reduce=self.reduce, theta=self.theta)
        with torch.inference_mode():
            self.model(
                input_ids=torch.cat(ids)[None].to(self.device),
                position_ids=positions[None].to(self.device),
                attlas_reductions=reductions,
            )
        if reductions.n_layers_seen != self.shape[0]:
            raise EnvironmentFault(
                "The model does not run its attention through transformers' attention interface.",
                expected=f"{self.shape[0]} layers of attention",
                found=f"{reductions.n_layers_seen}",
                hint="use ESM-2 or another encoder that supports attention backends",
            )
        return reductions.results

    def _token_ids(self, sequence: str) -> Tensor:
        letters = self.letters[np.frombuffer(model_letters(sequence).encode(), np.uint8)]
        return torch.from_numpy(np.concatenate([[self.begin], letters, [self.end]]))


def _attend(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    attlas_reductions: Reductions,
    scaling: float | None = None,
    **_: object,
) -> tuple[Tensor, None]:
    """Attend within each sequence of the pack, in the form of transformers' attention functions.

    `query`, `key`, `value` are (1, H, sum of T, D); the output is (1, sum of T, H, D).
    """
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    output = attlas_reductions.add_layer(query[0], key[0], value[0], scaling=scale)
    return output.transpose(0, 1)[None], None


def _no_mask(*_: object, **__: object) -> None:
    """Return no mask: the sequences of a pack are told apart by their lengths."""


AttentionInterface.register(INTERFACE, _attend)
AttentionMaskInterface.register(INTERFACE, _no_mask)


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
    return model


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
