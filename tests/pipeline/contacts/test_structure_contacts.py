"""Contacts of a structure: known pairs and contacts among them, counted by hand."""

import numpy as np
import pytest
from helpers.contact_oracles import folded, is_contact, pairs_of
from helpers.drawn_map import draw_map

from attlas.pipeline.contacts.structure_contacts import find_contacts

pytestmark = pytest.mark.slow


def test_a_distance_of_eight_angstrom_is_no_contact() -> None:
    places = np.array([[0.0, 0, 0]] + [[50.0 * k, 90, 0] for k in range(6)] + [[7.999, 0, 0], [8.0, 0, 0]])
    places[3] = np.nan
    contacts = find_contacts(places)
    assert contacts.has_coordinates.tolist() == [True, True, True, False, True, True, True, True, True]
    assert contacts.contacts.T.tolist() == [[0, 7], [7, 0]]  # 7 and 8 touch, but are neighbours
    are_contacts = contacts.are_contacts(np.array([0, 0, 7, 3]), np.array([7, 8, 8, 7]))
    assert are_contacts.tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    ("n", "missing"), [(1, []), (5, [0]), (24, []), (25, []), (70, [0, 20, 21, 69]), (40, range(40))]
)
def test_known_pairs_and_contacts_are_those_counted_by_hand(n: int, missing: list[int]) -> None:
    places = folded(n, seed=n)
    places[list(missing)] = np.nan
    contacts = find_contacts(places)
    everywhere = [(i, j) for i in range(n) for j in range(n) if is_contact(places, i, j)]
    assert contacts.contacts.T.tolist() == [[*pair] for pair in everywhere]
    long_pairs = pairs_of(places, "long")
    assert (contacts.n_with_coordinates, contacts.n_long_pairs) == (n - len(missing), len(long_pairs))
    assert [long_pairs[k] for k in contacts.long_contacts] == [pair for pair in long_pairs if is_contact(places, *pair)]
    scores = draw_map(n, seed=n)
    assert contacts.select_long_pairs(scores).tolist() == [scores[pair] for pair in long_pairs]
