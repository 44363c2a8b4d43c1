"""Attention between segments of pairs, for the atlases of the tests: random rows of `pair_segments`."""

import random
from collections.abc import Iterable
from pathlib import Path

from attlas.queries import Atlas
from attlas.schema import PAIR_SEGMENTS
from helpers.annotated import sequence_ids
from helpers.table_files import add_rows

Weights = dict[tuple[int, int, int], float]
"""Attention by layer, segment and segment attended to."""


def draw_weights(lengths: tuple[int, int], n_layers: int, choose: random.Random) -> Weights:
    """Return random weights between the segments that are not empty."""
    segments = [chain * 10 + n for chain, length in enumerate(lengths) for n in range(min(length, 10))]
    return {(layer, a, b): round(choose.random(), 3) for layer in range(n_layers) for a in segments for b in segments}


def add_segments(root: Path, pairs: Iterable[tuple[str, str, Weights]], *, form: str = "gap") -> None:
    """Add the weights of pairs: accession, partner, weights."""
    ids = sequence_ids(root)
    rows = [
        {
            "pair_id": pair_id,
            "sequence_id": ids[accession],
            "accession": accession,
            "partner": partner,
            "form": form,
            "layer": layer,
            "segment": segment,
            "key_segment": key_segment,
            "weight": weight,
        }
        for pair_id, (accession, partner, weights) in enumerate(pairs)
        for (layer, segment, key_segment), weight in weights.items()
    ]
    add_rows(root, PAIR_SEGMENTS, rows, "pairs")


def segments_at_random(root: Path, *, seed: int = 0) -> None:
    """Pair every computed protein with the next one, in order of accession."""
    choose = random.Random(seed)
    with Atlas.open(root) as atlas:
        rows = atlas.sql("SELECT accession, length FROM proteins WHERE status = 'ok' ORDER BY accession").to_pylist()
        n_layers = atlas.n_layers
    pairs = zip(rows, rows[1:] or rows, strict=False)
    add_segments(
        root,
        [
            (a["accession"], b["accession"], draw_weights((a["length"], b["length"]), n_layers, choose))
            for a, b in pairs
        ],
    )
