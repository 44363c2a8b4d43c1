"""What every token receives from the residues in each head, on a GPU: of the build's second pass three sums alone.

Passes over an atlas need what a build adds up over heads or tokens for each head and token (`receiving`). The kernel
keeps a tile of keys and walks over the queries of its sequence as `columns_kernel` does, with the same softmax, blocks
and switches.

Axis letters as in `attention`; `K` tokens that a program keeps, `W` tokens that it walks over at a time.
"""
# mypy: disable-error-code="no-untyped-def, untyped-decorator"
# Kernels are not Python: their arguments are pointers and registers, which Python's types do not describe.

import torch
import triton
import triton.language as tl
from torch import Tensor

from attlas.pipeline.attention.attending import AddTile
from attlas.pipeline.attention.definitions import LayerInputs
from attlas.pipeline.attention.receiving import SUMS, receive_by_device
from attlas.pipeline.attention.triton_kernels import LANE, read_program, weigh_tile
from attlas.pipeline.attention.triton_pass import prepare_layer
from attlas.schema.run import PLAIN


@triton.jit(do_not_specialize=["n_heads", "n_tiles", "n_tokens", "bias_head", "bias_center", "window"])
def receive_kernel(
    q, k, shifts, masses, tiles, offsets, first_tiles, bias, received, q_head, q_token, k_head, k_token,
    bias_head, bias_center, window, n_heads, n_tiles, scale, n_tokens, theta,
    dim: tl.constexpr, kept: tl.constexpr, walked: tl.constexpr, has_masses: tl.constexpr, precision: tl.constexpr,
    group: tl.constexpr, has_bias: tl.constexpr, has_window: tl.constexpr,
    hides_first: tl.constexpr, hides_last: tl.constexpr,
):  # fmt: skip
    """Sum what a tile of keys receives from the residues of its sequence: `received` (3, H, sum of T), by SUMS."""
    sequence, head, first_token, begin, n = read_program(tiles, offsets, n_heads, tl.program_id(0))
    first_tile = tl.load(first_tiles + sequence)
    j = first_token + tl.arange(0, kept)
    d = tl.arange(0, dim)

    # The keys of the tile, and pointers to the queries of the sequence and to their softmax.
    key_head = head if group == 1 else head // group
    k += key_head * k_head + begin * k_token
    bias += head * bias_head + bias_center
    keys = tl.load(k + j[:, None] * k_token + d[None, :], mask=j[:, None] < n, other=0.0)
    q += head * q_head + begin * q_token
    shifts += (head * n_tiles + first_tile) * kept
    masses += (head * n_tiles + first_tile) * kept

    # The queries that attend to any key of the tile, from whole steps of `walked` on.
    first_query = 0
    end_query = n
    if has_window:
        first_query = tl.maximum(first_token - window, 0) // walked * walked
        end_query = tl.minimum(first_token + kept + window, n)

    mass = tl.zeros([kept, LANE], tl.float32)
    edges, edge_mass = mass, mass
    for i in range(first_query, end_query, walked):
        logs = weigh_tile(
            keys, q, shifts, masses, bias, i, first_token, n, scale, window, q_token,
            dim, kept, walked, has_masses, precision, has_bias, has_window,
        )  # fmt: skip

        # Sums of each lane, which are added up once, after the last queries.
        lanes = tl.reshape(tl.exp2(logs), [kept, walked // LANE, LANE])
        is_edge = lanes >= theta
        mass += tl.sum(lanes, 1)
        edges += tl.sum(is_edge.to(tl.float32), 1)
        edge_mass += tl.sum(tl.where(is_edge, lanes, 0.0), 1)

    # Keys past the end have sums as well, of scores 0, and so have hidden ones; here they are left out.
    is_key = j < n
    if hides_first:
        is_key = is_key & (j > 0)
    if hides_last:
        is_key = is_key & (j < n - 1)
    received += head * n_tokens + begin + j
    stride = n_heads.to(tl.int64) * n_tokens
    tl.store(received, tl.where(is_key, tl.sum(edges, 1), 0.0), mask=j < n)
    tl.store(received + stride, tl.where(is_key, tl.sum(edge_mass, 1), 0.0), mask=j < n)
    tl.store(received + 2 * stride, tl.where(is_key, tl.sum(mass, 1), 0.0), mask=j < n)


def receive_triton(
    inputs: LayerInputs, *, theta: float, add_tile: AddTile | None = None, products: str = PLAIN
) -> tuple[Tensor | None, Tensor]:
    """Return the sums as `receiving.Receive` does, in float32, on a GPU.

    Inputs and errors as of `triton_pass.reduce_triton`. With `add_tile`, which wants the weights themselves, by tiles.
    """
    if add_tile is not None:
        return receive_by_device(inputs, theta=theta, add_tile=add_tile)

    with torch.cuda.device_of(inputs.q):  # Triton launches on the current device
        layer = prepare_layer(inputs, products=products)
        n_programs = len(layer.q) * len(layer.schedule.tiles)
        received = layer.q.new_empty((len(SUMS), *layer.q.shape[:2]), dtype=torch.float32)
        receive_kernel[(n_programs,)](
            *layer.tensors, received, *layer.numbers, layer.q.shape[1], theta, **layer.of_columns
        )
    return layer.output, received
