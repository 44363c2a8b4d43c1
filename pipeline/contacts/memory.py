"""The memory that maps of pairs take: packs whose maps stay small, predicted bytes, and proteins that cannot fit.

A build never holds a map, so its bounds leave them out. A map grows with the square of the length.
Axis letters: `N` residues, `T = N + 2` tokens.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import isqrt

from attlas.pipeline.packing import Budget, cut_runs
from attlas.pipeline.plan import Shard, make_token_budget
from attlas.pipeline.workers.resources import measure_available_bytes
from attlas.schema import EnvironmentFault

PACK_PAIRS = 1 << 26
"""Most pairs of residues in the maps of one pack (256 MB); a protein with more stands alone."""

MAP_BYTES = 4
"""Bytes a pair of residues takes in the map that a layer is added to."""

RANKING_BYTES = 6
"""More bytes of a pair while the best pairs are found: two copies of the half above the diagonal, and marks."""

LOW_FLOOR = 0.05
"""Floor below which most pairs may have to be kept."""

KEEPING_BYTES = 28
"""Bytes a pair takes where it may be kept: ranking, both positions, their order and the probability (docs/log.md)."""

HEAD_MAP_BYTES = 16
"""Bytes a pair takes while a single head is compared with structures: its map, the symmetric one, a copy where residues
have coordinates, and the ranking of the half above the diagonal."""


def cut_map_packs(lengths: Sequence[int], pack_tokens: int) -> Iterator[slice]:
    """Yield slices of consecutive sequences that fit a pack, in tokens and in pairs of residues."""
    pairs = Budget([length**2 for length in lengths], PACK_PAIRS)
    return cut_runs(make_token_budget(lengths, pack_tokens), pairs)


def predict_contact_bytes(lengths: Sequence[int], pack_tokens: int, *, floor: float | None) -> int:
    """Return the bytes that a process needs at once for the maps of pairs, and for the pairs kept of them.

    `floor` is the probability from which on a pair is kept in any case; None where only the best are.
    """
    ranking = KEEPING_BYTES if floor is not None and floor < LOW_FLOOR else RANKING_BYTES
    packs = [[length**2 for length in lengths[part]] for part in cut_map_packs(lengths, pack_tokens)]
    return max((MAP_BYTES * sum(pack) + ranking * max(pack) for pack in packs), default=0)


def predict_head_contact_bytes(lengths: Sequence[int]) -> int:
    """Return the bytes that a process needs at once for the maps of single heads."""
    return max((HEAD_MAP_BYTES * length**2 for length in lengths), default=0)


def check_memory(shards: Sequence[Shard], *, longest: Mapping[int, tuple[str, int]], device: str) -> None:
    """Refuse, before anything is computed, proteins whose maps do not fit the memory.

    Args:
        shards: with the memory of their maps in `predicted_bytes`.
        longest: accession and length of the longest protein of each shard, by its index.
        device: `cpu` or `cuda`.

    Raises:
        EnvironmentFault: names the proteins, the memory they need and the memory there is.
    """
    free = measure_available_bytes(device)
    large = [shard for shard in shards if shard.predicted_bytes > free]
    if not large:
        return

    proteins = [
        f"{longest[shard.index][0]}: {longest[shard.index][1]:,} residues, {_format_gib(shard.predicted_bytes)} GiB"
        for shard in large
    ]
    worst = max(large, key=lambda shard: shard.predicted_bytes)
    length = longest[worst.index][1]
    without_maps = worst.predicted_bytes - (MAP_BYTES + RANKING_BYTES) * length**2  # near enough for a hint
    fitting = isqrt(max(0, free - without_maps) // HEAD_MAP_BYTES)

    raise EnvironmentFault(
        f"The maps of pairs of {len(large)} {'shard does' if len(large) == 1 else 'shards do'} not fit the memory.",
        expected=f"at most {_format_gib(free)} GiB, what is free now",
        found=f"{_format_gib(worst.predicted_bytes)} GiB predicted; the longest protein of each shard:",
        offenders=proteins,
        hint=f"leave long proteins out, by name, with --max-length {fitting}, or use a machine with more memory"
        if fitting
        else "use a machine with more memory",
    )


def _format_gib(n_bytes: int) -> str:
    return f"{n_bytes / (1 << 30):,.1f}"
