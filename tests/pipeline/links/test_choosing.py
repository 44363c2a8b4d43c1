"""The choice of links, against the rule in plain Python: with ties, few heads and many, and budgets of every size."""

import numpy as np
import pytest
from helpers.link_oracle import Link, choose_by_rule, list_candidates
from hypothesis import example, given, settings
from hypothesis import strategies as st

from attlas.pipeline.links.choosing import Links, choose_links, join_links, thin_candidates

pytestmark = pytest.mark.slow

N_HEADS, THETA, FLOOR = 3, 0.3, 0.1
WEIGHTS = np.array([0, 0, 0.05, 0.1, 0.15, 0.3, 0.5, 0.9], np.float32)
"""So few that many are equal."""


def as_links(weights: dict[Link, np.float32]) -> Links:
    rows = [(layer * N_HEADS + head, i, j, weight) for (layer, head, i, j), weight in weights.items()]
    head_index, i, j, weight = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Links(*(np.array(column, np.int32) for column in (head_index, i, j)), np.array(weight, np.float32))


def as_weights(links: Links) -> dict[Link, np.float32]:
    columns = (links.head_index // N_HEADS, links.head_index % N_HEADS, links.i, links.j)
    return dict(zip(zip(*(column.tolist() for column in columns), strict=True), links.weight, strict=True))


@st.composite
def maps(draw: st.DrawFn) -> dict[tuple[int, int], np.ndarray]:
    """Return maps of a few heads, of weights that need not sum to 1: the rule does not ask."""
    n, n_layers = draw(st.integers(1, 14)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    share = draw(st.sampled_from([0.03, 0.3, 1.0]))
    heads = [(layer, head) for layer in range(n_layers) for head in range(N_HEADS)]
    return {
        head: rng.choice(WEIGHTS, (n, n)) * (rng.random((n, n)) < share * rng.random()).astype(np.float32)
        for head in heads
    }


@given(maps=maps(), per_residue=st.integers(1, 9))
@settings(max_examples=150, deadline=None)
def test_the_choice_is_that_of_the_rule(maps: dict, per_residue: int) -> None:
    candidates = list_candidates(maps, FLOOR)
    n = len(next(iter(maps.values())))
    expected = choose_by_rule(candidates, n_residues=n, per_residue=per_residue, theta=THETA)
    links = choose_links(as_links(candidates), n_residues=n, per_residue=per_residue, theta=THETA)
    assert list(as_weights(links).items()) == sorted(expected.items())


@given(maps=maps(), per_residue=st.integers(1, 9), seed=st.integers(0, 99))
@settings(max_examples=150, deadline=None)
def test_candidates_dropped_between_layers_are_none_that_would_be_chosen(
    maps: dict, per_residue: int, seed: int
) -> None:
    candidates = list_candidates(maps, FLOOR)
    n = len(next(iter(maps.values())))
    budget = max(per_residue * n, len(maps))
    gathered = as_links({})
    for layer in range(len(maps) // N_HEADS):
        of_layer = as_links({link: weight for link, weight in candidates.items() if link[0] == layer})
        order = np.random.default_rng(seed).permutation(len(of_layer))
        gathered = thin_candidates(join_links([gathered, of_layer.select(order)]), budget=budget, theta=THETA)
        assert len(gathered) <= 2.5 * budget + 2 * len(maps)
    expected = choose_links(as_links(candidates), n_residues=n, per_residue=per_residue, theta=THETA)
    links = choose_links(gathered, n_residues=n, per_residue=per_residue, theta=THETA)
    assert as_weights(links) == as_weights(expected)


def test_many_candidates_are_thinned() -> None:
    rng = np.random.default_rng(0)
    maps = {(0, head): rng.uniform(0.1, 0.2, (40, 40)) for head in range(N_HEADS)}
    candidates = as_links(list_candidates(maps, FLOOR))
    assert len(candidates) == 3 * 40 * 5
    assert len(thin_candidates(candidates, budget=40, theta=THETA)) < 110


def test_by_hand_each_head_then_long_range_then_turns() -> None:
    """Budget 6: a link for each of two heads with an edge, three of long range at most, the rest by turns."""
    weights = {
        (0, 0, 1, 2): 0.9,  # the strongest of its head
        (0, 0, 2, 3): 0.8,
        (0, 0, 3, 4): 0.7,
        (0, 1, 1, 9): 0.4,  # the strongest of its head
        (0, 1, 2, 9): 0.35,  # of long range
        (0, 1, 3, 9): 0.34,  # of long range
        (0, 1, 9, 1): 0.33,  # of long range
        (0, 1, 8, 1): 0.32,
        (0, 2, 4, 5): 0.2,  # a head without an edge has its turn
    }
    candidates = as_links({link: np.float32(weight) for link, weight in weights.items()})
    links = as_weights(choose_links(candidates, n_residues=6, per_residue=1, theta=THETA))
    assert list(links) == [(0, 0, 1, 2), (0, 0, 2, 3), (0, 1, 1, 9), (0, 1, 2, 9), (0, 1, 3, 9), (0, 1, 9, 1)]
    links = as_weights(choose_links(candidates, n_residues=8, per_residue=1, theta=THETA))
    assert {(0, 2, 4, 5), (0, 1, 8, 1)} <= set(links)


@pytest.mark.parametrize("n_residues", [1, 3])
def test_every_head_with_an_edge_has_a_link_where_there_are_more_heads_than_budget(n_residues: int) -> None:
    weights = {(layer, head, 1, 2): np.float32(0.3) for layer in range(30) for head in range(N_HEADS)}
    weights |= {(30, 0, 1, 2): np.float32(0.29)}
    links = choose_links(as_links(weights), n_residues=n_residues, per_residue=1, theta=THETA)
    assert sorted(links.head_index.tolist()) == list(range(90))


@example(())
@given(st.permutations(range(9)))
@settings(max_examples=20, deadline=None)
def test_the_choice_does_not_depend_on_the_order_of_the_candidates(order: tuple[int, ...]) -> None:
    weights = {(0, at % 3, at + 1, 12 - at): np.float32(0.5) for at in range(9)}
    candidates = as_links(weights)
    shuffled = candidates.select(np.array(order or range(9), np.intp))
    links = choose_links(shuffled, n_residues=4, per_residue=1, theta=THETA)
    assert as_weights(links) == as_weights(choose_links(candidates, n_residues=4, per_residue=1, theta=THETA))


def test_no_candidates_give_no_links_of_the_right_types() -> None:
    links = choose_links(join_links([]), n_residues=7, per_residue=5, theta=THETA)
    assert [len(links), links.i.dtype, links.weight.dtype] == [0, np.int32, np.float32]
