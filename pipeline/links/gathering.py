"""The candidates for links, gathered tile by tile while the model runs: of each residue and head the strongest into it.

What is held of a layer are the HUB_LINKS strongest weights into each residue of each head, never a map, however low the
floor. `choosing` has the rule.

Axis letters: `L` layers, `H` heads, `T` tokens of a sequence, `R` query rows of a tile, `P` sequences in a pack,
`N` residues, `K` candidates.
"""
# mypy: disable-error-code="no-untyped-def, untyped-decorator"
# numba compiles operations on arrays, which Python's types do not describe.

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from attlas.pipeline.attention.attending import attend
from attlas.pipeline.attention.definitions import LayerInputs, PackAttention
from attlas.pipeline.attention.tiles import Tile
from attlas.pipeline.compiling import compile_cached
from attlas.pipeline.links.choosing import HUB_LINKS, THIN_FACTOR, Links, join_links, thin_candidates

_BLOCK = 64
"""Weights of a row that are compared with the floor at once; only blocks with a candidate are looked through."""


class GatherLinks:
    """A `Reduction` that gathers the candidates for links of one pack, layer by layer; read `candidates` afterwards.

    The `PackAttention` that it returns holds zeros: the build computes those numbers.
    """

    def __init__(self, *, floor: float, per_residue: int, n_layers: int) -> None:
        self.floor = np.float32(floor)
        self.per_residue = per_residue
        self.n_layers = n_layers
        self.n_layers_gathered = 0
        self.parts: list[list[Links]] = []
        """The candidates of each sequence, in parts of one layer or more."""
        self.is_finite: NDArray[np.bool_] = np.empty(0, np.bool_)
        """Whether every weight of each sequence is finite, (P,)."""

    def __call__(self, inputs: LayerInputs, *, theta: float) -> PackAttention:
        """Gather the candidates of one layer."""
        pack = inputs.pack
        n_heads, n_tokens = inputs.q.shape[:2]
        n_sequences = len(pack.n_tokens)
        if self.n_layers_gathered == 0:
            self.parts = [[] for _ in range(n_sequences)]
            self.is_finite = np.ones(n_sequences, np.bool_)

        strongest = StrongestWeights(n_heads, n_tokens)

        def add(tile: Tensor, at: Tile) -> None:
            add_tile = strongest.add_tile if tile.device.type == "cpu" else strongest.add_tile_of_device
            self.is_finite[at.sequence] &= add_tile(tile, at, floor=self.floor)

        output = attend(inputs, add=add)
        for sequence, tokens in enumerate(pack.slices):
            candidates = strongest.list_links(tokens, layer=self.n_layers_gathered)
            self.parts[sequence].append(candidates)
            self._thin(sequence, n_residues=pack.n_residues[sequence], n_heads=n_heads, theta=theta)
        self.n_layers_gathered += 1
        return PackAttention(output, torch.zeros(sum(pack.n_residues)), torch.zeros(n_sequences, n_heads, 1))

    def candidates(self) -> list[Links | None]:
        """Return the candidates of each sequence, None where its attention is not finite."""
        links = zip(self.parts, self.is_finite, strict=True)
        return [join_links(parts) if is_finite else None for parts, is_finite in links]

    def _thin(self, sequence: int, *, n_residues: int, n_heads: int, theta: float) -> None:
        """Drop candidates of a sequence that cannot be chosen, where there are many."""
        budget = max(self.per_residue * n_residues, self.n_layers * n_heads)
        parts = self.parts[sequence]
        if sum(map(len, parts)) > THIN_FACTOR * budget:
            self.parts[sequence] = [thin_candidates(join_links(parts), budget=budget, theta=theta)]


class StrongestWeights:
    """The HUB_LINKS strongest weights into each token from another one, in each head of a layer, on the host.

    Of equal weights those of the lower query stay, for which queries have to be added in ascending order.
    """

    def __init__(self, n_heads: int, n_tokens: int) -> None:
        self.weights = np.zeros((n_heads, n_tokens, HUB_LINKS), np.float32)
        """In descending order; 0 where there are fewer."""
        self.queries = np.zeros((n_heads, n_tokens, HUB_LINKS), np.int32)
        """The token, counted in its sequence, that gives each weight."""

    def add_tile(self, tile: Tensor, at: Tile, *, floor: np.float32) -> bool:
        """Add the weights of a tile on the host, (heads, R, T), and return whether all are finite."""
        place = at.heads, at.tokens
        return bool(insert_tile(tile.numpy(), at.first_row, floor, self.weights[place], self.queries[place]))

    def add_tile_of_device(self, tile: Tensor, at: Tile, *, floor: np.float32) -> bool:
        """Do the same as `add_tile` with a tile on any device: only the candidates are copied to the host."""
        n_tokens = tile.shape[2]
        begin_row, end_row = max(1 - at.first_row, 0), min(tile.shape[1], n_tokens - 1 - at.first_row)
        rows = tile[:, begin_row:end_row, 1:-1]  # of residues, to residues

        queries = torch.arange(at.first_row + begin_row, at.first_row + end_row, device=tile.device)
        keys = torch.arange(1, n_tokens - 1, device=tile.device)
        is_candidate = (rows >= float(floor)) & (queries[:, None] != keys)
        head, query, key = is_candidate.nonzero(as_tuple=True)  # in order of the query, within a head

        place = at.heads, at.tokens
        columns = [values.int().cpu().numpy() for values in (head, queries[query], keys[key])]
        weights = rows[is_candidate].float().cpu().numpy()
        insert_candidates(*columns, weights, self.weights[place], self.queries[place])
        return bool(torch.isfinite(rows.sum()))

    def list_links(self, tokens: slice, *, layer: int) -> Links:
        """Return the weights of one sequence of the pack as links; its tokens are a slice of the token axis."""
        weights, queries = self.weights[:, tokens], self.queries[:, tokens]
        head, key, place = np.nonzero(weights)
        head_index = layer * len(weights) + head  # tokens count from 0 with `<cls>`: residues from 1
        return Links(
            head_index=head_index.astype(np.int32),
            i=queries[head, key, place],
            j=key.astype(np.int32),
            weight=weights[head, key, place],
        )


@njit
def insert_weight(weight, query, weights, queries):
    """Insert a weight into the descending ones of a key and head, (HUB_LINKS,), before those that are smaller."""
    place = weights.shape[0] - 1
    if weight <= weights[place]:
        return
    while place > 0 and weight > weights[place - 1]:
        weights[place] = weights[place - 1]
        queries[place] = queries[place - 1]
        place -= 1
    weights[place] = weight
    queries[place] = query


@njit(fastmath={"reassoc", "contract", "nsz"})
def _count_and_sum(weights, floor):
    """Return how many weights are `floor` or more, and the sum of all."""
    n = 0
    total = np.float32(0)
    for j in range(weights.shape[0]):
        n += weights[j] >= floor
        total += weights[j]
    return n, total


@compile_cached(nogil=True)
def insert_tile(tile, first_row, floor, weights, queries):
    """Insert the weights of a tile, (H, R, T) float32, that are `floor` or more into those of a sequence.

    The rows begin with token `first_row`. Changes `weights` and `queries`, (H, T, HUB_LINKS); returns whether every
    weight between residues is finite.
    """
    end = tile.shape[2] - 1
    is_finite = True

    for h in range(tile.shape[0]):
        for r in range(tile.shape[1]):
            i = first_row + r
            if i == 0 or i == end:
                continue
            row = tile[h, r]
            for begin in range(1, end, _BLOCK):
                stop = min(begin + _BLOCK, end)
                n, total = _count_and_sum(row[begin:stop], floor)
                is_finite &= np.isfinite(total)
                if n:
                    for j in range(begin, stop):
                        if row[j] >= floor and j != i:
                            insert_weight(row[j], i, weights[h, j], queries[h, j])
    return is_finite


@compile_cached(nogil=True)
def insert_candidates(head, query, key, weight, weights, queries):
    """Insert weights, each (K,) with its head, query and key, into `weights` and `queries`, (H, T, HUB_LINKS)."""
    for n in range(weight.shape[0]):
        insert_weight(weight[n], query[n], weights[head[n], key[n]], queries[head[n], key[n]])
