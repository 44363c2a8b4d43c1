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

from attlas.pipeline.attention.blocks import BlockSizes
from attlas.pipeline.attention.definitions import STATISTICS, LayerInputs, PackAttention, repeat_heads
from attlas.pipeline.attention.tile_schedule import Schedule, make_schedule
from attlas.pipeline.attention.triton_finish import finish_kernel
from attlas.pipeline.attention.triton_kernels import LN_2, N_SUMS, NO_QUERY, band_kernel, columns_kernel, softmax_kernel
from attlas.pipeline.attention.triton_options import (
    NO_SWITCHES,
    Switches,
    choose_band_options,
    choose_blocks,
    choose_precision,
    leave_room,
    read_switches,
)
from attlas.schema.run import PLAIN


class Softmax(NamedTuple):
    """The softmax of every row, from which the other kernels compute each weight again."""

    output: Tensor | None
    """Weights times values, (H, sum of T, D); None without values."""
    shift: Tensor
    """Minus the row's largest product q k; where `mass` is None, minus its log-sum-exp in bits. (H, sum of T)."""
    mass: Tensor | None
    """Logarithm of the sum of the row's weights relative to the largest, in bits: (H, sum of T)."""


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
    pack = inputs.pack
    with torch.cuda.device_of(inputs.q):  # Triton launches on the current device
        layer = prepare_layer(inputs, products=products)
        q, n_heads, n_tokens, n_tiles = layer.q, len(layer.q), layer.q.shape[1], len(layer.schedule.tiles)

        columns = q.new_empty((n_heads, n_tokens), dtype=torch.float32)
        sums = q.new_empty((N_SUMS, n_heads, n_tiles), dtype=torch.float32)
        heads = q.new_empty((len(pack.n_tokens), n_heads, len(STATISTICS)), dtype=torch.float32)
        columns_kernel[(n_tiles * n_heads,)](
            *layer.tensors, columns, sums, *layer.numbers, n_tokens, theta, **layer.of_columns
        )

        n_warps, n_stages = choose_band_options(q.dtype, products, dim=q.shape[2])
        kept = layer.blocks.kept
        band_kernel[(n_tiles * n_heads,)](
            *layer.tensors, sums, *layer.numbers, q.shape[2], kept, layer.has_masses, layer.precision,
            **layer.switches.of_scores, num_warps=n_warps, num_stages=n_stages,
        )  # fmt: skip
        places = (pack.offsets, layer.schedule.first_tiles)
        finish_kernel[(len(pack.n_tokens) * n_heads,)](columns, sums, heads, *places, n_heads, n_tiles, n_tokens, kept)

    received = columns.mean(0).index_select(0, pack.residues)
    return PackAttention(layer.output, received, heads)


def attend_triton(inputs: LayerInputs, *, products: str = PLAIN) -> Tensor | None:
    """Return the output of `reduce_triton` alone, (H, sum of T, D); None without values."""
    if inputs.v is None:
        return None
    with torch.cuda.device_of(inputs.q):
        switches = read_switches(inputs, products=products)
        output = _compute_softmax(_widen_inputs(inputs), products=products, switches=switches).output
    return None if output is None else output[..., : inputs.q.shape[2]]


class PreparedLayer(NamedTuple):
    """A layer whose softmax is computed, with the arguments of the kernels that sum its columns."""

    q: Tensor
    """The queries, (H, sum of T, D), D a width of tiles."""
    output: Tensor | None
    """Weights times values, (H, sum of T, D), D as of the model; None without values."""
    schedule: Schedule
    blocks: BlockSizes
    switches: Switches
    tensors: tuple[Tensor, ...]
    """From `q` to `bias`, in the order of the kernels' arguments."""
    numbers: tuple[int | float, ...]
    """From `q_head` to `scale`, in the order of the kernels' arguments."""
    has_masses: bool
    precision: str

    @property
    def of_columns(self) -> dict[str, object]:
        """The constants and the options of a kernel that keeps keys and walks over the queries of their sequence."""
        blocks = self.blocks
        constants = {"dim": self.q.shape[2], "kept": blocks.kept, "walked": blocks.walked}
        kind = {"has_masses": self.has_masses, "precision": self.precision}
        options = {"num_warps": blocks.n_warps, "num_stages": blocks.n_stages, "maxnreg": blocks.n_registers}
        return constants | kind | self.switches.of_keys | options


def prepare_layer(inputs: LayerInputs, *, products: str) -> PreparedLayer:
    """Compute the softmax of a layer. Raises ValueError as `reduce_triton`."""
    switches = read_switches(inputs, products=products)
    blocks = leave_room(choose_blocks(inputs.q, "columns", products), has_bias=switches.bias is not None)
    wide = _widen_inputs(inputs)
    q, k, pack = wide.q, wide.k, inputs.pack
    schedule = make_schedule(pack, blocks.kept)

    softmax = _compute_softmax(wide, products=products, switches=switches)
    shifts, masses = _place_rows(softmax, schedule)
    bias, *offsets = switches.list_arguments(shifts)
    output = softmax.output
    return PreparedLayer(
        q=q,
        output=None if output is None else output[..., : inputs.q.shape[2]],
        schedule=schedule,
        blocks=blocks,
        switches=switches,
        tensors=(q, k, shifts, masses, schedule.tiles, pack.offsets, schedule.first_tiles, bias),
        numbers=(
            *(*q.stride()[:2], *k.stride()[:2], *offsets),
            *(len(q), len(schedule.tiles), inputs.scaling / LN_2.value),
        ),
        has_masses=softmax.mass is not None,
        precision=choose_precision(inputs.q, products),
    )


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
    blocks = leave_room(choose_blocks(q, "softmax", products), has_bias=switches.bias is not None)
    tiles = make_schedule(pack, blocks.kept).tiles
    shift, mass = (q.new_empty((n_heads, n_tokens), dtype=torch.float32) for _ in range(2))
    output = q.new_empty((n_tokens, n_heads, dim)) if v is not None else None
    values = k if v is None else v  # the kernel needs a pointer
    bias, *offsets = switches.list_arguments(shift)

    softmax_kernel[(len(tiles) * n_heads,)](
        q, k, values, shift if output is None else output, shift, mass, tiles, pack.offsets, bias,
        *q.stride()[:2], *k.stride()[:2], *values.stride()[:2], *offsets, n_heads, n_tokens, scaling / LN_2.value,
        dim, blocks.kept, blocks.walked, v is not None, choose_precision(q, products), **switches.of_keys,
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
