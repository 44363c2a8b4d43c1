"""How the kernels of a GPU are compiled for a layer: their blocks, their products, and what is added to the scores.

Axis letters as in `attention`.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from attlas.pipeline.attention.added_scores import OffsetScores
from attlas.pipeline.attention.blocks import BlockSizes, read_blocks
from attlas.pipeline.attention.definitions import LayerInputs
from attlas.pipeline.model.architectures import LARGEST_DIM
from attlas.pipeline.model.precision import SPLIT
from attlas.schema.run import PLAIN

SPLIT_PRECISION = "bf16x3"
"""Triton's name for products of float32 as SPLIT has them. On one H200 it was 1.5 times as fast as "tf32x3"."""

PLAIN_PRECISION = "ieee"
"""Triton's name for products of float32 in float32."""

BAND_MARGIN = 64
"""Margin of a bias beyond the offsets in a tile of the band: 39."""

WIDE_DIM = 64
"""Head dimension up to which a tile of the band fits the registers of one warp."""

MOST_REGISTERS = 255
"""Registers that a thread can have."""

FEWEST_WALKED = 16
"""The fewest tokens that a product takes."""

DTYPES = {torch.float32: "float32", torch.bfloat16: "bfloat16", torch.float16: "float16"}


class Switches(NamedTuple):
    """What the kernels do besides softmax(q k) v, as they take it; see `triton_kernels`."""

    bias: Tensor | None = None
    """The bias of each head and offset j - i in the unit of products q k, with margins, (H or 1, B); None: 0."""
    center: int = 0
    """Place of the offset 0 in `bias`."""
    window: int | None = None
    hides_first: bool = False
    hides_last: bool = False
    group: int = 1
    """Query heads that share a key head."""

    def list_arguments(self, unread: Tensor) -> tuple[Tensor, int, int, int]:
        """Return the bias, its stride by head, its center and the window; in place of no bias a pointer not read."""
        if self.bias is None:
            return unread, 0, 0, self.window or 0
        return self.bias, self.bias.stride(0) if len(self.bias) > 1 else 0, self.center, self.window or 0

    @property
    def adds_nothing(self) -> bool:
        """Whether the attention is softmax(q k) v alone."""
        return self.bias is None and self.window is None and not self.hides_first and not self.hides_last

    @property
    def of_scores(self) -> dict[str, bool | int]:
        """The switches of every kernel that computes scores."""
        return {"group": self.group, "has_bias": self.bias is not None, "has_window": self.window is not None}

    @property
    def of_keys(self) -> dict[str, bool | int]:
        """Those of the kernels that take all keys of a sequence, too."""
        return self.of_scores | {"hides_first": self.hides_first, "hides_last": self.hides_last}


NO_SWITCHES = Switches()
"""Of softmax(q k) v alone, with a key head for every query head."""


def read_switches(inputs: LayerInputs, *, products: str) -> Switches:
    """Return the switches of the kernels for these numbers added to the scores, and for key heads that are shared.

    Raises:
        ValueError: the numbers are no `OffsetScores`, or do not reach the longest sequence.
    """
    added, group = inputs.added, len(inputs.q) // len(inputs.k)
    if added is None:
        return Switches(group=group)
    if not isinstance(added, OffsetScores):
        raise ValueError("The GPU's reduction adds to scores what depends on j - i alone; 'plain' adds anything.")

    bias, center = None, 0
    if added.bias is not None:
        largest_block = max(choose_blocks(inputs.q, kernel, products).kept for kernel in ("softmax", "columns"))
        bias, center = _prepare_bias(added.bias, max(inputs.pack.n_tokens), margin=max(largest_block, BAND_MARGIN))
        bias = bias.to(inputs.q.device, torch.float32) / inputs.scaling
    return Switches(bias, center, added.window, added.is_first_hidden, added.is_last_hidden, group)


def _prepare_bias(bias: Tensor, longest: int, *, margin: int) -> tuple[Tensor, int]:
    """Return a bias (H or 1, 2M - 1) cut to the offsets of the longest sequence, with margins, and its center.

    The margins, of zeros, are for tokens of a tile past the end of a sequence, whose weights nobody reads.

    Raises:
        ValueError: the bias does not reach the longest sequence.
    """
    reach = (bias.shape[1] + 1) // 2
    if reach < longest:
        raise ValueError(f"A bias of offsets up to {reach - 1:,} does not reach a sequence of {longest:,} tokens.")
    cut = bias[:, reach - longest : reach + longest - 1]
    return torch.nn.functional.pad(cut, (margin, margin)), longest - 1 + margin


def leave_room(blocks: BlockSizes, *, has_bias: bool) -> BlockSizes:
    """Return the blocks of a kernel that adds a bias: a number is loaded beside every weight of a tile.

    So that registers and shared memory hold both, half as many tokens are walked over at a time.
    """
    if not has_bias:
        return blocks
    return blocks._replace(walked=max(FEWEST_WALKED, blocks.walked // 2), n_registers=MOST_REGISTERS)


def choose_band_options(dtype: torch.dtype, products: str, *, dim: int) -> tuple[int, int]:
    """Return the warps and stages of the band's kernel: one warp holds a whole tile of the band and adds by itself.

    In float32 with plain products the operands alone need the registers of several, and so do those of wide heads:
    one warp spilled 1,040 bytes a thread there.
    """
    is_wide = dim > WIDE_DIM
    if dtype != torch.float32:
        return (2 if is_wide else 1), 2
    if products == SPLIT:
        return (4 if is_wide else 1), 1
    return 8, 1


def choose_precision(q: Tensor, products: str) -> str:
    """Return Triton's `input_precision` of the products; half precision has its own, whatever this says."""
    return SPLIT_PRECISION if products == SPLIT and q.dtype == torch.float32 else PLAIN_PRECISION


def choose_blocks(q: Tensor, kernel: str, products: str = PLAIN) -> BlockSizes:
    """Return the blocks of a kernel, "softmax" or "columns", for these queries.

    Raises:
        ValueError: no kernel takes this dtype or head dimension.
    """
    if q.dtype not in DTYPES or q.shape[2] > LARGEST_DIM:
        raise ValueError(
            f"The GPU's reduction takes {', '.join(DTYPES.values())} and head dimensions up to {LARGEST_DIM}, "
            f"found {q.dtype} and {q.shape[2]}; reduce with 'plain', which takes all."
        )

    return read_blocks(choose_table(q, products), kernel, dim=q.shape[2])


def choose_table(q: Tensor, products: str) -> str:
    """Return the name of the table of blocks for these queries on their device."""
    if q.dtype == torch.float32 and products == PLAIN:
        return "float32"
    generation = "ampere" if q.is_cuda and torch.cuda.get_device_capability(q.device) < (9, 0) else "hopper"
    return f"split_{generation}" if q.dtype == torch.float32 else generation
