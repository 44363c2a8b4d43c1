"""A schedule of tiles gives every token one place, and starts with the longest sequence."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attlas.pipeline.attention.definitions import Pack
from attlas.pipeline.attention.tile_schedule import make_schedule

# Keys past a sequence's end have sums that may overflow, which nobody reads, and one test has numbers that are none.
# NumPy warns, a GPU does not.
pytestmark = pytest.mark.slow


@given(n_tokens=st.lists(st.integers(3, 900), min_size=1, max_size=30), kept=st.sampled_from([32, 64, 128]))
def test_a_schedule_gives_every_token_one_place_and_starts_with_the_longest(n_tokens, kept):
    schedule = make_schedule(Pack(tuple(n_tokens), torch.device("cpu")), kept)
    tiles = [(p, first_token) for p, n in enumerate(n_tokens) for first_token in range(0, n, kept)]
    assert sorted(map(tuple, schedule.tiles.tolist())) == tiles
    lengths = [n_tokens[p] for p, _ in schedule.tiles.tolist()]
    assert lengths == sorted(lengths, reverse=True)
    begins = np.concatenate([[0], np.cumsum(n_tokens)])
    for p, first_tile in enumerate(schedule.first_tiles.tolist()):
        assert tiles[first_tile] == (p, 0)
        places = slice(first_tile * kept, first_tile * kept + n_tokens[p])
        assert schedule.sources[places].tolist() == list(range(begins[p], begins[p + 1]))
        assert schedule.is_no_query[places].nonzero().flatten().tolist() == [0, n_tokens[p] - 1]
    assert (~schedule.is_no_query).sum() == sum(n_tokens) - 2 * len(n_tokens)
    assert schedule.sources.max() < sum(n_tokens)
