"""The kernels of the reduction on a GPU, written in Triton; `triton_pass` launches them.

What some architectures add to scores, the kernels take by switches, which cost nothing where they are off: `has_bias`,
a number for each head and offset j - i, in the unit of products q k; `has_window`, where tiles outside of the window
are passed over; `hides_first` and `hides_last`, of tokens that no other attends to. `group` query heads share a key
head.

Axis letters as in `attention`; `K` tokens that a program keeps, `W` tokens that it walks over at a time.
"""
# mypy: disable-error-code="no-untyped-def, untyped-decorator"
# Kernels are not Python: their arguments are pointers and registers, which Python's types do not describe.

import math

import triton
import triton.language as tl

BAND = tl.constexpr(16)
"""Keys of a tile of the band: the fewest a product takes, so that little is computed beside the band."""

LANE = tl.constexpr(8)
"""Sums over queries are kept separately for every eighth query: one thread holds their scores in
the result of a tensor core. So the loop adds inside threads, and threads exchange sums once, at its end."""

NO_QUERY = tl.constexpr(-1e30)
"""Exponent of rows that no statistic counts: their weights are 0. Not infinite, because 0 * infinity is NaN."""

NO_PAIR = tl.constexpr(-1e30)
"""Product of a pair outside of the window. Not infinite, because a whole row of a tile may be outside, and the largest
of infinities less itself is NaN: so the row has weights of 1 until it meets a key, beside which these become 0."""

LN_2 = tl.constexpr(math.log(2))

N_SUMS = 9
"""Sums of each tile: four by `columns_kernel`, five by `band_kernel`."""

BAND_REACH = tl.constexpr(24)
"""Tokens to either side of a tile of the band: none of its sums takes a pair that is farther apart."""

BAND_QUERIES = tl.constexpr(64)
"""Queries of a tile of the band: its keys, and `BAND_REACH` tokens to either side."""


@triton.jit
def read_program(tiles, offsets, n_heads, index):
    """Return sequence, head, the tile's first token in its sequence, the sequence's in the pack, and its length."""
    sequence = tl.load(tiles + index // n_heads * 2)
    first_token = tl.load(tiles + index // n_heads * 2 + 1)
    begin = tl.load(offsets + sequence)
    n = tl.load(offsets + sequence + 1) - begin
    # In 64 bits, because heads * tokens * dimension of a large pack exceed 2 ** 31.
    return sequence, (index % n_heads).to(tl.int64), first_token, begin.to(tl.int64), n


@triton.jit
def find_apart(first_key, first_query, keys: tl.constexpr, queries: tl.constexpr):
    """Return j - i of every key and query from the first ones on, (keys, queries)."""
    return first_key - first_query + tl.arange(0, keys)[:, None] - tl.arange(0, queries)[None, :]


@triton.jit(do_not_specialize=["n_heads", "n_tokens", "bias_head", "bias_center", "window"])
def softmax_kernel(
    q, k, v, output, shifts, masses, tiles, offsets, bias, q_head, q_token, k_head, k_token, v_head, v_token,
    bias_head, bias_center, window, n_heads, n_tokens, scale,
    dim: tl.constexpr, kept: tl.constexpr, walked: tl.constexpr, has_values: tl.constexpr, precision: tl.constexpr,
    group: tl.constexpr, has_bias: tl.constexpr, has_window: tl.constexpr,
    hides_first: tl.constexpr, hides_last: tl.constexpr,
):  # fmt: skip
    """Softmax of a tile of rows, online (Dao et al. 2022).

    Writes `shifts`, minus the largest product of each row, and `masses`, the logarithm of the sum of its weights
    relative to that one, in bits, both (H, sum of T); with values also the output, (sum of T, H, D). Shift and mass
    are not added: beside a score of 10,000 a float32 has too few digits left for the mass.
    """
    _, head, first_token, begin, n = read_program(tiles, offsets, n_heads, tl.program_id(0))
    i = first_token + tl.arange(0, kept)
    j = tl.arange(0, walked)
    d = tl.arange(0, dim)

    # Pointers to the first token of the sequence, in this head.
    key_head = head if group == 1 else head // group
    q += head * q_head + begin * q_token
    k += key_head * k_head + begin * k_token
    v += key_head * v_head + begin * v_token
    bias += head * bias_head + bias_center

    # The keys that any row of the tile attends to, from whole steps of `walked` on.
    first_key = 0
    end_key = n
    if has_window:
        first_key = tl.maximum(first_token - window, 0) // walked * walked
        end_key = tl.minimum(first_token + kept + window, n)
        k += first_key.to(tl.int64) * k_token
        v += first_key.to(tl.int64) * v_token
    n_keys = n - 1 if hides_last else n

    queries = tl.load(q + i[:, None] * q_token + d[None, :], mask=i[:, None] < n, other=0.0)
    largest = tl.full([kept], float("-inf"), tl.float32)
    mass = tl.zeros([kept], tl.float32)
    result = tl.zeros([kept, dim], tl.float32)

    for passed in range(first_key, end_key, walked):
        # The scores of the next keys, before `scale`; of what is no key, minus infinity.
        is_key = j < n_keys - passed
        if hides_first:
            is_key = is_key & (j + passed > 0)
        keys = tl.load(k + j[None, :] * k_token + d[:, None], mask=is_key[None, :], other=0.0)
        products = tl.dot(queries, keys, input_precision=precision)
        if has_bias:  # beside its ends the bias has a margin, so that no load needs a mask
            products += tl.load(bias + (j[None, :] + passed - i[:, None]))
        if has_window:
            is_near = tl.abs(j[None, :] + passed - i[:, None]) <= window
            products = tl.where(is_near & is_key[None, :], products, NO_PAIR)
        else:
            products = tl.where(is_key[None, :], products, float("-inf"))

        # Sums so far shrink where the largest product of their row grows. It is the largest score too: `scale` is
        # positive. The subtraction comes first, because it is exact where products are large and near each other.
        larger = tl.maximum(largest, tl.max(products, 1))
        shrink = tl.exp2((largest - larger) * scale)
        weights = tl.exp2((products - larger[:, None]) * scale)
        mass = mass * shrink + tl.sum(weights, 1)
        largest = larger
        if has_values:
            values = tl.load(v + j[:, None] * v_token + d[None, :], mask=is_key[:, None], other=0.0)
            result = tl.dot(weights.to(values.dtype), values, result * shrink[:, None], input_precision=precision)

        k += walked * k_token
        v += walked * v_token

    row = head * n_tokens + begin + i
    tl.store(shifts + row, -largest, mask=i < n)
    tl.store(masses + row, tl.log2(mass), mask=i < n)
    if has_values:
        place = output + ((begin + i[:, None]) * n_heads + head) * dim + d[None, :]
        tl.store(place, (result / mass[:, None]).to(output.dtype.element_ty), mask=i[:, None] < n)


@triton.jit
def weigh(products, scale, shifts, masses, place, has_query, has_masses: tl.constexpr):
    """Return the base-2 logarithms of weights, (keys, queries), from products q k and the softmax of each query."""
    shift = tl.load(shifts + place, mask=has_query, other=NO_QUERY)
    if has_masses:
        mass = tl.load(masses + place, mask=has_query, other=0.0)
        return (products + shift[None, :]) * scale - mass[None, :]
    return products * scale + shift[None, :]


@triton.jit
def weigh_tile(
    keys, q, shifts, masses, bias, i, first_token, n, scale, window, q_token,
    dim: tl.constexpr, kept: tl.constexpr, walked: tl.constexpr, has_masses: tl.constexpr, precision: tl.constexpr,
    has_bias: tl.constexpr, has_window: tl.constexpr,
):  # fmt: skip
    """Return the base-2 logarithms of the weights of queries `i` to `i + W` for a tile of keys, (K, W)."""
    step = tl.arange(0, walked)
    q += tl.cast(i, tl.int64) * q_token
    # Rows past the end have weight 0, but an overflow in the next sequence would give 0 * inf. So they are not read.
    queries = tl.load(q + step[None, :] * q_token + tl.arange(0, dim)[:, None], mask=step[None, :] < n - i, other=0.0)
    products = tl.dot(keys, queries, input_precision=precision)  # (K, W)
    if has_bias:
        products += tl.load(bias + find_apart(first_token, i, kept, walked))
    logs = weigh(products, scale, shifts, masses, i + step, True, has_masses)
    if has_window:
        logs = tl.where(tl.abs(find_apart(first_token, i, kept, walked)) <= window, logs, NO_QUERY)
    return logs


@triton.jit
def _add_tile(
    sums, keys, q, shifts, masses, bias, i, first_token, n, scale, theta, window, q_token,
    dim: tl.constexpr, kept: tl.constexpr, walked: tl.constexpr, is_diagonal: tl.constexpr,
    has_masses: tl.constexpr, precision: tl.constexpr, has_bias: tl.constexpr, has_window: tl.constexpr,
):  # fmt: skip
    """Add the attention of queries `i` to `i + W` to each key's sums, all (K, LANE)."""
    columns, plogps, distances, largest, edges = sums
    step = tl.arange(0, walked)

    logs = weigh_tile(
        keys, q, shifts, masses, bias, i, first_token, n, scale, window, q_token,
        dim, kept, walked, has_masses, precision, has_bias, has_window,
    )  # fmt: skip
    weights = tl.exp2(logs)

    # Sums of each lane, which are added up once, after the last tile.
    lanes = tl.reshape(weights, [kept, walked // LANE, LANE])
    column = tl.sum(lanes, 1)  # (K, LANE)
    columns += column
    plogps += tl.sum(tl.reshape(weights * logs, [kept, walked // LANE, LANE]), 1)
    largest = tl.maximum(largest, tl.max(lanes, 1))
    edges += tl.sum((lanes >= theta).to(tl.float32), 1)  # as floats: one instruction compares and sets 1.0

    apart = (i - first_token).to(tl.float32)
    j = tl.arange(0, kept).to(tl.float32)
    if is_diagonal:
        distance = tl.abs(step.to(tl.float32)[None, :] + apart - j[:, None])
        distances += tl.sum(tl.reshape(weights * distance, [kept, walked // LANE, LANE]), 1)
    else:
        # i - j = 8 * group + remainder: a group is a register, its factor a constant of the instruction, and the
        # remainder is the same for a whole column. No term is larger than the distance, so no digits are lost.
        groups = (tl.arange(0, walked // LANE) * LANE).to(tl.float32)
        remainder = tl.arange(0, LANE).to(tl.float32)[None, :] - j[:, None] + apart
        signed = tl.sum(lanes * groups[None, :, None], 1) + column * remainder
        distances += tl.where(apart < 0, -1.0, 1.0) * signed
    return columns, plogps, distances, largest, edges


@triton.jit(do_not_specialize=["n_heads", "n_tiles", "n_tokens", "bias_head", "bias_center", "window"])
def columns_kernel(
    q, k, shifts, masses, tiles, offsets, first_tiles, bias, columns, sums, q_head, q_token, k_head, k_token,
    bias_head, bias_center, window, n_heads, n_tiles, scale, n_tokens, theta,
    dim: tl.constexpr, kept: tl.constexpr, walked: tl.constexpr, has_masses: tl.constexpr, precision: tl.constexpr,
    group: tl.constexpr, has_bias: tl.constexpr, has_window: tl.constexpr,
    hides_first: tl.constexpr, hides_last: tl.constexpr,
):  # fmt: skip
    """Sum the columns of a tile of keys over the residues of their sequence.

    A weight is 2 to the power of (product + shift) * scale - mass; where not `has_masses`, of product * scale + shift.
    Writes `columns` (H, sum of T), and for each tile the first four of `sums` (9, H, tiles): p log2 p over all keys;
    over inner keys distance, largest weight and edges.
    """
    sequence, head, first_token, begin, n = read_program(tiles, offsets, n_heads, tl.program_id(0))
    first_tile = tl.load(first_tiles + sequence)
    j = first_token + tl.arange(0, kept)

    # The keys of the tile, and pointers to the queries of the sequence and to their softmax.
    key_head = head if group == 1 else head // group
    k += key_head * k_head + begin * k_token
    bias += head * bias_head + bias_center
    keys = tl.load(k + j[:, None] * k_token + tl.arange(0, dim)[None, :], mask=j[:, None] < n, other=0.0)
    q += head * q_head + begin * q_token
    shifts += (head * n_tiles + first_tile) * kept
    masses += (head * n_tiles + first_tile) * kept

    zeros = tl.zeros([kept, LANE], tl.float32)
    state = (zeros, zeros, zeros, zeros, zeros)

    # Two loops: only on the diagonal is |i - j| no plain difference; the long loop does without it.
    n_walks = tl.cdiv(n, walked)
    diagonal = first_token // walked
    n_diagonal = tl.minimum(kept // walked, n_walks - diagonal)

    # The queries that attend to any key of the tile.
    first_walk = 0
    end_walk = n_walks
    if has_window:
        first_walk = tl.maximum(first_token - window, 0) // walked
        end_walk = tl.minimum(tl.cdiv(first_token + kept + window, walked), n_walks)

    for walk in range(first_walk, end_walk - n_diagonal):
        i = (walk + tl.where(walk < diagonal, 0, n_diagonal)) * walked
        state = _add_tile(
            state, keys, q, shifts, masses, bias, i, first_token, n, scale, theta, window, q_token,
            dim, kept, walked, False, has_masses, precision, has_bias, has_window,
        )  # fmt: skip

    for walk in range(n_diagonal):
        i = first_token + walk * walked
        state = _add_tile(
            state, keys, q, shifts, masses, bias, i, first_token, n, scale, theta, window, q_token,
            dim, kept, walked, True, has_masses, precision, has_bias, has_window,
        )  # fmt: skip

    column, plogp, distance, largest, edges = state

    # Keys past the end have sums as well, of scores 0, and so have hidden ones; here they are left out.
    is_key = j < n
    if hides_first:
        is_key = is_key & (j > 0)
    if hides_last:
        is_key = is_key & (j < n - 1)
    tl.store(columns + head * n_tokens + begin + j, tl.where(is_key, tl.sum(column, 1), 0.0), mask=j < n)

    # The sums of the tile: p log2 p counts every key, the others those that are residues.
    is_inner = (j > 0) & (j < n - 1)
    sums += head * n_tiles + first_tile + first_token // kept
    stride = n_heads * n_tiles
    tl.store(sums, tl.sum(tl.where(is_key, tl.sum(plogp, 1), 0.0)))
    tl.store(sums + stride, tl.sum(tl.where(is_inner, tl.sum(distance, 1), 0.0)))
    tl.store(sums + 2 * stride, tl.max(tl.where(is_inner, tl.max(largest, 1), 0.0)))
    tl.store(sums + 3 * stride, tl.sum(tl.where(is_inner, tl.sum(edges, 1), 0.0)))


@triton.jit
def _add_selected(is_selected, sums, lanes):
    """Add to sums, (BAND, LANE), the weights that are selected, (BAND, 64 / LANE, LANE)."""
    return sums + tl.sum(tl.where(is_selected, lanes, 0.0), 1)


@triton.jit(do_not_specialize=["n_heads", "n_tiles", "bias_head", "bias_center", "window"])
def band_kernel(
    q, k, shifts, masses, tiles, offsets, first_tiles, bias, sums, q_head, q_token, k_head, k_token,
    bias_head, bias_center, window, n_heads, n_tiles, scale,
    dim: tl.constexpr, kept: tl.constexpr, has_masses: tl.constexpr, precision: tl.constexpr,
    group: tl.constexpr, has_bias: tl.constexpr, has_window: tl.constexpr,
):  # fmt: skip
    """Sum the weights near the diagonal, of a tile of keys: the last five of `sums`, by offset.

    It is separate from the long loop, where five masks would cost more than everything else. Here a tile always lies
    along the diagonal in the same way, so that the compiler knows for most weights which sums they can be in.
    """
    sequence, head, first_token, begin, n = read_program(tiles, offsets, n_heads, tl.program_id(0))
    first_tile = tl.load(first_tiles + sequence)
    d = tl.arange(0, dim)
    key = tl.arange(0, BAND)
    query = tl.arange(0, BAND_QUERIES) - BAND_REACH
    apart = tl.reshape(tl.abs(query[None, :] - key[:, None]), [BAND, BAND_QUERIES // LANE, LANE])

    # Pointers to the first token of the sequence, in this head, and to its softmax.
    key_head = head if group == 1 else head // group
    k += key_head * k_head + begin * k_token
    q += head * q_head + begin * q_token
    bias += head * bias_head + bias_center
    shifts += (head * n_tiles + first_tile) * kept
    masses += (head * n_tiles + first_tile) * kept

    itself = tl.zeros([BAND, LANE], tl.float32)
    adjacent, helix, below6, below24 = itself, itself, itself, itself
    for band in range(first_token, tl.minimum(first_token + kept, n), BAND):
        j = band + key
        i = band + query

        # The weights of these keys, of residues only.
        is_token = (i >= 0) & (i < n)
        keys = tl.load(k + j[:, None] * k_token + d[None, :], mask=j[:, None] < n, other=0.0)
        queries = tl.load(q + i[None, :] * q_token + d[:, None], mask=is_token[None, :], other=0.0)
        products = tl.dot(keys, queries, input_precision=precision)
        if has_bias:
            products += tl.load(bias + (key[:, None] - query[None, :]))
        weights = tl.exp2(weigh(products, scale, shifts, masses, i, is_token, has_masses))
        weights = tl.where(((j > 0) & (j < n - 1))[:, None], weights, 0.0)
        if has_window:
            weights = tl.where(tl.abs(query[None, :] - key[:, None]) <= window, weights, 0.0)

        # Each weight counts in the sums of its offset.
        lanes = tl.reshape(weights, [BAND, BAND_QUERIES // LANE, LANE])
        itself = _add_selected(apart == 0, itself, lanes)
        adjacent = _add_selected(apart == 1, adjacent, lanes)
        helix = _add_selected((apart == 3) | (apart == 4), helix, lanes)
        below6 = _add_selected(apart < 6, below6, lanes)
        below24 = _add_selected(apart < BAND_REACH, below24, lanes)

    stride = n_heads * n_tiles
    sums += 4 * stride + head * n_tiles + first_tile + first_token // kept
    tl.store(sums, tl.sum(itself))
    tl.store(sums + stride, tl.sum(adjacent))
    tl.store(sums + 2 * stride, tl.sum(helix))
    tl.store(sums + 3 * stride, tl.sum(below6))
    tl.store(sums + 4 * stride, tl.sum(below24))
