"""Contacts in a structure: which residues of a protein are near each other, from one atom of each.

Axis letters: `N` residues of the protein, `K` of them with coordinates, `C` pairs in contact.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.contacts.pairs import RANGES

CONTACT_DISTANCE = 8.0
"""Angstrom below which two residues are in contact."""

NEAREST, LONG = RANGES["short"].first, RANGES["long"].first
"""Separations |i - j| from which on a pair may count as a contact, and is of long range."""


@dataclass(frozen=True)
class KnownContacts:
    """What a chain says about the pairs of a protein's residues: no more than lists, however long the protein."""

    coordinates: NDArray[np.float64]
    """Of one atom, angstrom, shape (N, 3); not a number where it is missing."""
    is_known: NDArray[np.bool_]
    """Residues with coordinates, shape (N,): only pairs of these say anything."""
    contacts: NDArray[np.intp]
    """Ordered pairs in contact, 6 or more apart, from 0, shape (2, C): both (i, j) and (j, i)."""
    n_long_pairs: int
    """Pairs i < j with coordinates, 24 or more apart."""
    long_contacts: NDArray[np.intp]
    """Of these, the contacts, by their place in the order of (i, j)."""

    @property
    def n_known(self) -> int:
        """Return the number of residues with coordinates: the L of P@L."""
        return int(self.is_known.sum())

    def are_contacts(self, i: NDArray[np.intp], j: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return which of some pairs, from 0, are contacts; False where coordinates are missing."""
        is_near = np.linalg.norm(self.coordinates[i] - self.coordinates[j], axis=1) < CONTACT_DISTANCE
        return np.asarray(is_near & (np.abs(i - j) >= NEAREST))

    def long_values(self, scores: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return of a map, (N, N), the values of the pairs of `n_long_pairs`, in order of (i, j)."""
        places = np.flatnonzero(self.is_known)
        is_long = places >= (places + LONG)[:, None]  # (K, K), no array of integers on the way
        return np.asarray(scores[np.ix_(places, places)][is_long])


def contacts_of(coordinates: NDArray[np.floating]) -> KnownContacts:
    """Return the contacts among residues from one atom of each, (N, 3) angstrom, not a number where it is missing."""
    places = np.flatnonzero(np.isfinite(coordinates).all(1))
    known = coordinates[places].astype(np.float64)
    contacts, long_contacts, n_long = [np.empty((2, 0), np.intp)], [np.empty(0, np.intp)], 0
    for i, own in zip(places, known, strict=True):  # a row at a time: K x K x 3 would be the largest array of the pass
        near = places[np.linalg.norm(known - own, axis=1) < CONTACT_DISTANCE]
        near = near[np.abs(near - i) >= NEAREST]
        following = places[np.searchsorted(places, i + LONG) :]
        contacts.append(np.stack([np.full_like(near, i), near]))
        long_contacts.append(n_long + np.searchsorted(following, near[near >= i + LONG]))
        n_long += len(following)
    is_known = np.zeros(len(coordinates), np.bool_)
    is_known[places] = True
    return KnownContacts(
        coordinates=coordinates.astype(np.float64),
        is_known=is_known,
        contacts=np.concatenate(contacts, axis=1),
        n_long_pairs=n_long,
        long_contacts=np.concatenate(long_contacts),
    )
