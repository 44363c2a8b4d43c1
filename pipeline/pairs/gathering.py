"""The attention on joined inputs, reduced tile by tile while the model runs: sums, candidates for links, contacts.

Axis letters: `L` layers, `H` heads, `T` tokens of an input, `P` inputs in a pack, `S` sums, `N` residues of both
chains, `A` and `B` residues of each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attlas.pipeline.attention.attending import attend
from attlas.pipeline.attention.definitions import LayerInputs, Pack, PackAttention
from attlas.pipeline.attention.tiles import Tile
from attlas.pipeline.contacts.contact_head import ContactHead
from attlas.pipeline.links.choosing import THIN_FACTOR, Links, choose_links, join_links, thin_candidates
from attlas.pipeline.links.gathering import StrongestWeights, insert_candidates
from attlas.pipeline.pairs.contact_block import ContactBlock
from attlas.pipeline.pairs.joining import JoinedInput
from attlas.pipeline.pairs.segmenting import SegmentSums
from attlas.pipeline.pairs.summing import SUMS, cut_rows, mark_specials, sum_rows, sum_rows_plainly

FAR = 1 << 24
"""Added to the place of a key, so that every link across counts as long-range; subtracted again afterwards."""

CONSTANT = 1e-5
"""Share of the sum of squares up to which the deviation from the mean may be rounding: then there is no correlation."""

HEAD_NUMBERS = (
    "within_share",
    "across_share",
    "special_share",
    "linker_share",
    "entropy_within",
    "entropy_across",
    "max_across",
    "n_edges_across",
    "mirror",
)
"""Numbers of a head and a chain, in the order of the columns of `pair_heads`."""


@dataclass(frozen=True)
class PairReduction:
    """What is kept of the attention on joined inputs, and from which weight on."""

    theta: float
    """Attention from which on a pair counts as an edge."""
    floor: float
    """Attention from which on a weight across may become a link."""
    per_residue: int
    """Links across for each residue of both chains."""
    contact_head: ContactHead | None
    """The model's own head, None if it has none."""
    fused_heads: ContactHead | None
    """The mean of a few heads, None where none are given."""
    has_segments: bool = False
    """Whether the attention between segments is kept."""


@dataclass(frozen=True)
class JoinedAttention:
    """The attention of a model on one joined input, reduced."""

    heads: NDArray[np.float32]
    """HEAD_NUMBERS of each chain as queries, (2, L, H, 9); `mirror` is NaN if the chains differ."""
    received: NDArray[np.float32]
    """Attention that residues receive from their own chain and from the other, mean over heads, (2, L, N)."""
    links: Links
    """The links across, with places of tokens as `i` and `j`."""
    probability: NDArray[np.float32] | None
    """Probability of a contact, (A, B)."""
    score: NDArray[np.float32] | None
    """Score by the fused heads, (A, B)."""
    segments: NDArray[np.float32] | None = None
    """Attention between segments, (L, 20, 20); None unless the settings ask for it."""


class ReduceToPairs:
    """A `Reduction` of one pack of joined inputs: called for each layer, then read once (`results`).

    The `PackAttention` that it returns holds zeros, because the build computes those numbers for single sequences.
    """

    def __init__(
        self, inputs: Sequence[JoinedInput], are_mirrored: Sequence[bool], settings: PairReduction, *, n_layers: int
    ) -> None:
        self.inputs, self.are_mirrored, self.settings, self.n_layers = inputs, are_mirrored, settings, n_layers
        self.sums: list[Tensor] = []
        """The sums of each layer, (P, H, 2, S)."""
        self.received: list[Tensor] = []
        """What tokens receive in each layer, mean over heads, (2, sum of T)."""
        self.candidates: list[list[Links]] = [[] for _ in inputs]
        self.probabilities = [ContactBlock(settings.contact_head, joined) for joined in inputs if settings.contact_head]
        self.scores = [ContactBlock(settings.fused_heads, joined) for joined in inputs if settings.fused_heads]
        self.segments: list[SegmentSums] = []

    def __call__(self, inputs: LayerInputs, *, theta: float) -> PackAttention:
        """Reduce one layer."""
        pack, device = inputs.pack, inputs.q.device
        n_heads, n_tokens = inputs.q.shape[:2]
        if self.settings.has_segments and not self.segments:
            sizes = {"n_layers": self.n_layers, "n_heads": n_heads}
            self.segments = [SegmentSums(joined, **sizes, device=device) for joined in self.inputs]
        layer = _LayerSums(self, layer=len(self.sums), n_heads=n_heads, n_tokens=n_tokens, device=device)
        output = attend(inputs, add=layer.add_tile)

        layer.finish(pack)
        self.sums.append(layer.sums)
        self.received.append(layer.columns.mean(1))
        return PackAttention(output, torch.zeros(sum(pack.n_residues)), torch.zeros(len(self.inputs), n_heads, 1))

    def add_candidates(self, input_index: int, links: Links, *, n_heads: int) -> None:
        """Add the candidates of a layer; if there are many, drop some that cannot be chosen any more."""
        parts = self.candidates[input_index]
        parts.append(links)
        budget = max(self.settings.per_residue * self.inputs[input_index].n_residues, self.n_layers * n_heads)
        if sum(map(len, parts)) > THIN_FACTOR * budget:
            self.candidates[input_index] = [
                thin_candidates(join_links(parts), budget=budget, theta=self.settings.theta)
            ]

    def results(self) -> list[JoinedAttention | None]:
        """Return the attention on each input, None where it is not finite."""
        sums = torch.stack(self.sums, dim=1).cpu().numpy()  # (P, L, H, 2, S)
        received = torch.stack(self.received, dim=1).float().cpu().numpy()  # (2, L, sum of T)
        ends = np.cumsum([len(joined) for joined in self.inputs])[:-1]
        per_input = np.split(received, ends, axis=2)
        return [self._finish_input(n, sums[n], per_input[n]) for n in range(len(self.inputs))]

    def _finish_input(self, n: int, sums: NDArray[np.float64], received: NDArray[np.float32]) -> JoinedAttention | None:
        """Return the attention on one input from its sums, (L, H, 2, S), and what its tokens receive, (2, L, T)."""
        if not np.isfinite(sums).all():
            return None
        joined = self.inputs[n]
        residues = np.r_[joined.chains[0], joined.chains[1]]
        probability = self.probabilities[n].values.sigmoid() if self.probabilities else None
        score = self.scores[n].values if self.scores else None
        return JoinedAttention(
            heads=derive_head_numbers(sums, joined, is_mirrored=self.are_mirrored[n]),
            received=received[:, :, residues],
            links=self._choose_links(n),
            probability=None if probability is None else probability.cpu().numpy(),
            score=None if score is None else score.cpu().numpy(),
            segments=self.segments[n].average() if self.segments else None,
        )

    def _choose_links(self, n: int) -> Links:
        """Return the links of an input, chosen by the rule of `links` as if all were long-range."""
        candidates = join_links(self.candidates[n])
        far = Links(candidates.head_index, candidates.i, candidates.j + FAR, candidates.weight)
        n_residues, settings = self.inputs[n].n_residues, self.settings
        links = choose_links(far, n_residues=n_residues, per_residue=settings.per_residue, theta=settings.theta)
        return Links(links.head_index, links.i, links.j - FAR, links.weight)


class _LayerSums:
    """The sums of one layer of a pack, on the device of the model."""

    def __init__(
        self, reduction: ReduceToPairs, *, layer: int, n_heads: int, n_tokens: int, device: torch.device
    ) -> None:
        self.reduction, self.layer = reduction, layer
        zeros = partial(torch.zeros, dtype=torch.float64, device=device)
        self.sums = zeros(len(reduction.inputs), n_heads, 2, len(SUMS))
        self.columns = zeros(2, n_heads, n_tokens)
        self.masses = zeros(n_heads, n_tokens)
        self.strongest = StrongestWeights(n_heads, n_tokens)

    def add_tile(self, tile: Tensor, at: Tile) -> None:
        """Add the weights of a tile, (heads, R, T)."""
        reduction, joined = self.reduction, self.reduction.inputs[at.sequence]
        if tile.device.type == "cpu":
            self._sum_on_host(tile, at, joined)
        else:
            self._sum_on_device(tile, at, joined)
        for blocks in (reduction.probabilities, reduction.scores):
            if blocks:
                blocks[at.sequence].add_tile(tile, layer=self.layer, heads=at.heads, first_row=at.first_row)
        if reduction.segments:
            reduction.segments[at.sequence].add_tile(tile, layer=self.layer, first_row=at.first_row)

    def finish(self, pack: Pack) -> None:
        """Correct the contacts by the layer's average products, and pass its candidates on."""
        mass = self.masses + self.columns.sum(0)
        for n, tokens in enumerate(pack.slices):
            for blocks in (self.reduction.probabilities, self.reduction.scores):
                if blocks:
                    blocks[n].correct(mass[:, tokens], layer=self.layer)
            links = self.strongest.list_links(tokens, layer=self.layer)
            self.reduction.add_candidates(n, links, n_heads=len(mass))

    def _sum_on_host(self, tile: Tensor, at: Tile, joined: JoinedInput) -> None:
        settings = self.reduction.settings
        specials = mark_specials(joined.chains, joined.linker, len(joined)).numpy()

        sum_rows(
            tile.numpy(),
            at.first_row,
            np.array([(chain.start, chain.stop) for chain in joined.chains]),
            np.array([joined.linker.start, joined.linker.stop]),
            np.flatnonzero(specials),
            np.float32(settings.theta),
            np.float32(settings.floor),
            self.reduction.are_mirrored[at.sequence],
            self.sums[at.sequence, at.heads].numpy(),
            self.columns[:, at.heads, at.tokens].numpy(),
            self.masses[at.heads, at.tokens].numpy(),
            self.strongest.weights[at.heads, at.tokens],
            self.strongest.queries[at.heads, at.tokens],
        )

    def _sum_on_device(self, tile: Tensor, at: Tile, joined: JoinedInput) -> None:
        sum_rows_plainly(
            tile,
            at.first_row,
            chains=joined.chains,
            linker=joined.linker,
            theta=self.reduction.settings.theta,
            is_mirrored=self.reduction.are_mirrored[at.sequence],
            sums=self.sums[at.sequence, at.heads],
            columns=self.columns[:, at.heads, at.tokens],
            masses=self.masses[at.heads, at.tokens],
        )
        self._insert_candidates(tile, at, joined)

    def _insert_candidates(self, tile: Tensor, at: Tile, joined: JoinedInput) -> None:
        """Copy the weights across that are `floor` or more to the host, and insert them."""
        for chain in range(2):
            query_chain, partner_chain = joined.chains[chain], joined.chains[1 - chain]
            rows = cut_rows(query_chain, at.first_row, tile.shape[1])
            if rows is None:
                continue

            weights = tile[:, rows, partner_chain]
            is_candidate = weights >= float(np.float32(self.reduction.settings.floor))
            head, query, key = is_candidate.nonzero(as_tuple=True)  # in order of the query, within a head
            columns = (head, query + at.first_row + rows.start, key + partner_chain.start)
            insert_candidates(
                *(values.int().cpu().numpy() for values in columns),
                weights[is_candidate].float().cpu().numpy(),
                self.strongest.weights[at.heads, at.tokens],
                self.strongest.queries[at.heads, at.tokens],
            )


def derive_head_numbers(sums: NDArray[np.float64], joined: JoinedInput, *, is_mirrored: bool) -> NDArray[np.float32]:
    """Return HEAD_NUMBERS of each chain, (2, L, H, 9), from the sums over its rows, (L, H, 2, S)."""
    lengths = np.array(joined.lengths)[:, None, None]
    by_name = dict(zip(SUMS, np.moveaxis(sums, (3, 2), (0, 1)), strict=True))  # (2, L, H) each

    means = ("within", "across", "special", "linker", "entropy_within", "entropy_across")
    numbers = [by_name[name] / lengths for name in means]
    numbers += [by_name["max_across"], by_name["n_edges_across"]]
    numbers.append(_correlate(by_name, lengths**2) if is_mirrored else np.full_like(numbers[0], np.nan))
    return np.stack(numbers, axis=-1).astype(np.float32)


def _correlate(sums: dict[str, NDArray[np.float64]], n: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the Pearson correlation of attention across and within, (2, L, H); NaN where one is constant."""
    x, y = sums["within"], sums["across"]
    deviation_x, deviation_y = sums["within_squares"] - x * x / n, sums["across_squares"] - y * y / n
    varies = (deviation_x > CONSTANT * sums["within_squares"]) & (deviation_y > CONSTANT * sums["across_squares"])
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = (sums["products"] - x * y / n) / np.sqrt(deviation_x * deviation_y)
    return np.where(varies, np.clip(correlation, -1, 1), np.nan)
