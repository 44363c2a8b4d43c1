"""Reductions that attend and add up as on a GPU, in tiles of a few rows, on the host."""

import pytest

from attlas.pipeline.attention.attending import attend_in_rows
from attlas.pipeline.links.gathering import StrongestWeights
from attlas.pipeline.pairs.gathering import _LayerSums


def reduce_pairs_in_rows(patch: pytest.MonkeyPatch, *, tile_elements: int) -> None:
    """Let pairs be reduced as on a GPU, whoever runs them."""
    patch.setattr("attlas.pipeline.attention.attending.GPU_TILE_ELEMENTS", tile_elements)
    patch.setattr("attlas.pipeline.pairs.gathering.attend", attend_in_rows)
    patch.setattr(_LayerSums, "_sum_on_host", _LayerSums._sum_on_device)


def gather_links_in_rows(patch: pytest.MonkeyPatch, *, tile_elements: int | None = None) -> None:
    """Let links be gathered as on a GPU, whoever runs them."""
    if tile_elements is not None:
        patch.setattr("attlas.pipeline.attention.attending.GPU_TILE_ELEMENTS", tile_elements)
    patch.setattr("attlas.pipeline.links.gathering.attend", attend_in_rows)
    patch.setattr(StrongestWeights, "add_tile", StrongestWeights.add_tile_of_device)
