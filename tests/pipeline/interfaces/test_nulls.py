"""Homology groups, swapped partners, shuffled letters and splits."""

import random

import numpy as np
import pytest

from attlas.pipeline.interfaces.homology_groups import group_pairs, make_aligner
from attlas.pipeline.interfaces.nulls import SizedPair, shuffle_letters, swap_partners
from attlas.pipeline.interfaces.splits import choose_heads, draw_splits

LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def draw_sequence(length: int, *, seed: int) -> str:
    return "".join(random.Random(seed).choices(LETTERS, k=length))


def mutate(sequence: str, share: float, *, seed: int) -> str:
    draw = random.Random(seed)
    places = set(draw.sample(range(len(sequence)), round(share * len(sequence))))
    return "".join(
        draw.choice(LETTERS.replace(letter, "")) if place in places else letter for place, letter in enumerate(sequence)
    )


@pytest.mark.parametrize(("share", "is_alike"), [(0.0, True), (0.4, True), (0.65, True), (0.75, False), (1.0, False)])
def test_sequences_are_alike_from_thirty_percent_of_the_shorter_on(share: float, is_alike: bool) -> None:
    sequence = draw_sequence(200, seed=1)
    relative = draw_sequence(150, seed=2) + mutate(sequence, share, seed=3)
    assert make_aligner()(sequence, relative) == is_alike


def test_letters_that_the_matrix_lacks_are_aligned_as_unknown() -> None:
    sequence = draw_sequence(60, seed=1)
    assert make_aligner()("U" + sequence, "U" + sequence)


def test_pairs_alike_through_a_third_are_one_group() -> None:
    a, b, c, d, e, f = (draw_sequence(80, seed=seed) for seed in range(6))
    pairs = {4: (a, b), 2: (mutate(b, 0.2, seed=7), c), 9: (c, d), 7: (e, f)}
    assert group_pairs(pairs) == {4: 2, 2: 2, 9: 2, 7: 7}


def test_groups_do_not_depend_on_the_order_of_pairs() -> None:
    sequences = [draw_sequence(60, seed=seed % 7) for seed in range(20)]
    pairs = {number: (sequences[number], sequences[-number - 1]) for number in range(10)}
    assert group_pairs(dict(reversed(pairs.items()))) == group_pairs(pairs)


def test_a_swapped_partner_is_of_another_group_and_of_the_closest_length() -> None:
    pairs = [SizedPair(0, "a", 100), SizedPair(1, "a", 101), SizedPair(2, "b", 150), SizedPair(3, "c", 90)]
    assert swap_partners(pairs) == {0: 3, 1: 3, 2: 1, 3: 0}


def test_partners_that_are_equally_close_are_taken_by_turns() -> None:
    pairs = [SizedPair(number, f"group {number}", 100) for number in range(6)]
    assert sorted(swap_partners(pairs).values()) == list(range(6))


def test_pairs_of_one_group_have_no_other_partner() -> None:
    assert swap_partners([SizedPair(0, "a", 10), SizedPair(1, "a", 12)]) == {}


def test_shuffled_letters_are_the_same_letters_in_an_order_of_the_seed() -> None:
    sequence = draw_sequence(50, seed=1)
    shuffled = shuffle_letters(sequence, seed=0, name="1 P1")
    assert sorted(shuffled) == sorted(sequence)
    assert shuffled != sequence
    assert shuffled == shuffle_letters(sequence, seed=0, name="1 P1")
    assert shuffled != shuffle_letters(sequence, seed=1, name="1 P1")
    assert shuffled != shuffle_letters(sequence, seed=0, name="2 P1")


def test_no_group_both_chooses_and_judges() -> None:
    groups = {pair_id: f"group {pair_id % 15}" for pair_id in range(40)}
    splits = list(draw_splits(groups, n_splits=20, n_choosing=10, seed=0))

    assert [split.number for split in splits] == list(range(20))
    assert len({split.choosing for split in splits}) == 20
    for split in splits:
        choosing_groups = {groups[pair_id] for pair_id in split.choosing}
        assert len(split.choosing) == len(choosing_groups) == 10
        judging = [pair_id for pair_id in range(40) if groups[pair_id] not in choosing_groups]
        assert list(split.judging) == judging


def test_too_few_groups_have_no_split() -> None:
    assert list(draw_splits({1: 1, 2: 2, 3: 2}, n_splits=20, n_choosing=2, seed=0)) == []


def test_heads_are_chosen_by_their_mean_over_pairs() -> None:
    aurocs = [np.array([[0.5, 0.9], [0.6, 0.5]]), np.array([[0.5, 0.4], [0.8, 0.7]])]
    best_one, best_two = choose_heads(aurocs, (1, 2))
    assert list(map(str, best_one)) == ["1-0"]
    assert list(map(str, best_two)) == ["1-0", "0-1"]
