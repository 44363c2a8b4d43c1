"""The reduction on a GPU: a pass for the softmax of every row, and one that sums the columns (`triton_kernels`).

The second pass keeps a tile of keys and walks over the queries of its sequence. It computes every score again, which
is cheaper than to store it, with each row's softmax from the first pass. So a column belongs to one program and nothing
is added atomically: the bits are the same every time, and do not depend on the other sequences of a pack. A third,
small kernel sums the band around the diagonal, and a fourth puts the sums together. Nothing waits for the GPU.

Axis letters as in `attention`; `K` tokens that a program keeps, `W` tokens that it walks over at a time.
"""

from dataclasses import replace
from typing import NamedTuple

import torch
import triton
from torch import Tensor
from torch.nn.attention.varlen import AuxRequest, varlen_attn

from attlas.pipeline.attention.added_scores import OffsetScores
from attlas.pipeline.attention.blocks import BlockSizes, read_blocks
from attlas.pipeline.attention.definitions import STATISTICS, LayerInputs, PackAttention, repeat_heads
from attlas.pipeline.attention.tile_schedule import Schedule, make_schedule
from attlas.pipeline.attention.triton_finish import finish_kernel
from attlas.pipeline.attention.triton_kernels import LN_2, N_SUMS, NO_QUERY, band_kernel, columns_kernel, softmax_kernel
from attlas.pipeline.model.architectures import LARGEST_DIM
from attlas.pipeline.model.precision import SPLIT
from attlas.schema.run import PLAIN

SPLIT_PRECISION = "bf16x3"
"""Triton's name for products of float32 as SPLIT has them. On one H200 it was 1.5 times as fast as "tf32x3"."""

PLAIN_PRECISION = "ieee"
"""Triton's name for products of float32 in float32."""

BAND_MARGIN = 64
"""Margin of a bias beyond the offsets in a tile of the band: 39."""

MOST_REGISTERS = 255
"""Registers that a thread can have."""

FEWEST_WALKED = 16
"""The fewest tokens that a product takes."""

DTYPES = {torch.float32: "float32", torch.bfloat16: "bfloat16", torch.float16: "float16"}


class Softmax(NamedTuple):
    """The softmax of every row, from which the other kernels compute each weight again."""

    output: Tensor | None
    """Weights times values, (H, sum of T, D); None without values."""
    shift: Tensor
    """Minus the row's largest product q k; where `mass` is None, minus its log-sum-exp in bits. (H, sum of T)."""
    mass: Tensor | None
    """Logarithm of the sum of the row's weights relative to the largest, in bits: (H, sum of T)."""


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


def reduce_triton(inputs: LayerInputs, *, theta: float, products: str = PLAIN) -> PackAttention:
    """Reduce one layer's attention on the GPU, with products of the inputs' precision and sums in float32.

    Result as of `definitions.reduce_plain`; `q`, `k` and `v` are float32, bfloat16 or float16, of a head dimension up
    to 128, on one CUDA device (or, under TRITON_INTERPRET=1, on the CPU). `k` and `v` may have fewer heads than `q`,
    each shared by a group of query heads. `scaling` is positive. `added` is None or `OffsetScores`. Where `products`
    is SPLIT, float32 is multiplied as three products of bfloat16 halves. Never synchronises.

    Weights of float32 are as exact as their scores. Those of half precision carry an error of 1e-7 times the score,
    1e-3 at scores of 10,000, because flash attention returns nothing but a log-sum-exp.

    Where rows do not sum to 1, the statistics of that sequence and head are NaN: a release of torch returned a
    log-sum-exp that was wrong by ln 2, and all results looked plausible.

    Raises:
        ValueError: the kernels do not take this dtype or head dimension, or these numbers added to the scores.
    """
    n_heads, n_tokens, dim = inputs.q.shape
    pack = inputs.pack
    precision = _choose_precision(inputs.q, products)
    switches = _read_switches(inputs, products=products)
    blocks = leave_room(_choose_blocks(inputs.q, "columns", products), has_bias=switches.bias is not None)
    wide = _widen_inputs(inputs)
    q, k = wide.q, wide.k
    schedule = make_schedule(pack, blocks.kept)
    n_tiles = len(schedule.tiles)

    with torch.cuda.device_of(q):  # Triton launches on the current device
        softmax = _compute_softmax(wide, products=products, switches=switches)
        shifts, masses = _place_rows(softmax, schedule)
        has_masses = softmax.mass is not None

        columns = q.new_empty((n_heads, n_tokens), dtype=torch.float32)
        sums = q.new_empty((N_SUMS, n_heads, n_tiles), dtype=torch.float32)
        heads = q.new_empty((len(pack.n_tokens), n_heads, len(STATISTICS)), dtype=torch.float32)
        places = (schedule.tiles, pack.offsets, schedule.first_tiles)
        bias, *offsets = switches.list_arguments(shifts)
        common = (*q.stride()[:2], *k.stride()[:2], *offsets, n_heads, n_tiles, inputs.scaling / LN_2.value)
        columns_kernel[(n_tiles * n_heads,)](
            q, k, shifts, masses, *places, bias, columns, sums, *common, n_tokens, theta, q.shape[2], blocks.kept,
            blocks.walked, has_masses, precision, **switches.of_keys,
            num_warps=blocks.n_warps, num_stages=blocks.n_stages,
            maxnreg=blocks.n_registers,
        )  # fmt: skip

        n_warps, n_stages = choose_band_options(q.dtype, products)
        band_kernel[(n_tiles * n_heads,)](
            q, k, shifts, masses, *places, bias, sums, *common, q.shape[2], blocks.kept, has_masses, precision,
            **switches.of_scores, num_warps=n_warps, num_stages=n_stages,
        )  # fmt: skip
        finish_kernel[(len(pack.n_tokens) * n_heads,)](
            columns, sums, heads, *places[1:], n_heads, n_tiles, n_tokens, blocks.kept
        )

    received = columns.mean(0).index_select(0, pack.residues)
    output = softmax.output
    return PackAttention(None if output is None else output[..., :dim], received, heads)


def _read_switches(inputs: LayerInputs, *, products: str) -> Switches:
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
        largest_block = max(_choose_blocks(inputs.q, kernel, products).kept for kernel in ("softmax", "columns"))
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


def choose_band_options(dtype: torch.dtype, products: str) -> tuple[int, int]:
    """Return the warps and stages of the band's kernel: one warp holds a whole tile of the band and adds by itself.

    In float32 with plain products the operands alone need the registers.
    """
    if dtype != torch.float32:
        return 1, 2
    return (1, 1) if products == SPLIT else (8, 1)


def _choose_precision(q: Tensor, products: str) -> str:
    """Return Triton's `input_precision` of the products; half precision has its own, whatever this says."""
    return SPLIT_PRECISION if products == SPLIT and q.dtype == torch.float32 else PLAIN_PRECISION


def _place_rows(softmax: Softmax, schedule: Schedule) -> tuple[Tensor, Tensor]:
    """Return the shift of every exponent and the mass of its row, with sequences at whole tiles, (H, tiles * K).

    So the inner loop needs no mask for rows. Where there is no mass, the second is a pointer that is not read.
    """
    shifts = softmax.shift.index_select(1, schedule.sources)
    shifts.masked_fill_(schedule.is_no_query, NO_QUERY.value)
    if softmax.mass is None:
        return shifts, shifts
    return shifts, softmax.mass.index_select(1, schedule.sources)


def _compute_softmax(inputs: LayerInputs, *, products: str = PLAIN, switches: Switches = NO_SWITCHES) -> Softmax:
    """Return the softmax of every row, with its output where there are values.

    By torch's flash attention where it exists and nothing is added to scores; not without `v`, when our own does half
    of its work.
    """
    q, pack = inputs.q, inputs.pack
    is_half = q.dtype != torch.float32
    has_flash = is_half and q.is_cuda and torch.cuda.get_device_capability(q.device) >= (8, 0)
    if inputs.v is None or not has_flash or not switches.adds_nothing:
        return _compute_softmax_by_kernel(inputs, products=products, switches=switches)

    longest = max(pack.n_tokens)
    k, v = repeat_heads(inputs.k, len(q)), repeat_heads(inputs.v, len(q))
    # It splits no row unless keys come in pages or are shared by heads: a sequence's bits do not depend on its company.
    output, lse = varlen_attn(
        q.transpose(0, 1), k.transpose(0, 1), v.transpose(0, 1), pack.offsets, pack.offsets, longest, longest,
        return_aux=AuxRequest(lse=True), scale=inputs.scaling,
    )  # fmt: skip
    # torch documents (sum of T, H) for what is (H, sum of T).
    lse = lse if lse.shape == q.shape[:2] else lse.transpose(0, 1)
    return Softmax(output.transpose(0, 1), lse * (-1 / LN_2.value), None)


def attend_by_kernel(inputs: LayerInputs, *, products: str) -> Tensor | None:
    """Return the output of a layer alone, (H, sum of T, D), by our own kernel, for benchmarks."""
    output = _compute_softmax_by_kernel(_widen_inputs(inputs), products=products).output
    return None if output is None else output[..., : inputs.q.shape[2]]


def _compute_softmax_by_kernel(
    inputs: LayerInputs, *, products: str = PLAIN, switches: Switches = NO_SWITCHES
) -> Softmax:
    """Do the same as `_compute_softmax` by our own kernel, for any dtype."""
    q, k, v, pack, scaling = inputs.q, inputs.k, inputs.v, inputs.pack, inputs.scaling
    n_heads, n_tokens, dim = q.shape
    blocks = leave_room(_choose_blocks(q, "softmax", products), has_bias=switches.bias is not None)
    tiles = make_schedule(pack, blocks.kept).tiles
    shift, mass = (q.new_empty((n_heads, n_tokens), dtype=torch.float32) for _ in range(2))
    output = q.new_empty((n_tokens, n_heads, dim)) if v is not None else None
    values = k if v is None else v  # the kernel needs a pointer
    bias, *offsets = switches.list_arguments(shift)

    softmax_kernel[(len(tiles) * n_heads,)](
        q, k, values, shift if output is None else output, shift, mass, tiles, pack.offsets, bias,
        *q.stride()[:2], *k.stride()[:2], *values.stride()[:2], *offsets, n_heads, n_tokens, scaling / LN_2.value,
        dim, blocks.kept, blocks.walked, v is not None, _choose_precision(q, products), **switches.of_keys,
        num_warps=blocks.n_warps, num_stages=blocks.n_stages,
    )  # fmt: skip
    output = None if output is None else output.transpose(0, 1)
    # Half precision goes on as after flash attention, by the same compiled kernels.
    is_half = q.dtype != torch.float32
    return Softmax(output, shift * (scaling / LN_2.value) - mass, None) if is_half else Softmax(output, shift, mass)


def _widen_inputs(inputs: LayerInputs) -> LayerInputs:
    """Return the inputs with their q, k and v padded as `_widen` does."""
    v = None if inputs.v is None else _widen(inputs.v)
    return replace(inputs, q=_widen(inputs.q), k=_widen(inputs.k), v=v)


def _widen(values: Tensor) -> Tensor:
    """Pad (H, T, D) with zeros to a width D of tiles, a power of two of at least 16; all rows are aligned then."""
    dim = values.shape[2]
    width = max(16, triton.next_power_of_2(dim))
    if width > dim:
        return torch.nn.functional.pad(values, (0, width - dim))
    return values if values.stride(2) == 1 else values.contiguous()


def _choose_blocks(q: Tensor, kernel: str, products: str = PLAIN) -> BlockSizes:
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
