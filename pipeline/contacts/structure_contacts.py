"""Contacts in a structure: which residues of a protein are near each other, from one atom of each.

Axis letters: `N` residues of the protein, `K` of them with coordinates, `C` pairs in contact, `P` pairs.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.contacts.pairs import RANGES

CONTACT_DISTANCE = 8.0
"""Angstrom below which two residues are in contact."""

NEAREST, LONG = RANGES["short"].nearest, RANGES["long"].nearest
"""Separations |i - j| from which on a pair may count as a contact, and is of long range."""


@dataclass(frozen=True)
class StructureContacts:
    """The contacts of a protein in one chain of a structure. Holds lists alone, however long the protein."""

    coordinates: NDArray[np.float64]
    """Coordinates of one atom of each residue, angstrom, shape (N, 3); not a number where it is missing."""
    has_coordinates: NDArray[np.bool_]
    """Residues with coordinates, shape (N,): pairs of others are not counted."""
    contacts: NDArray[np.intp]
    """Ordered pairs in contact, 6 or more apart, from 0, shape (2, C): both (i, j) and (j, i)."""
    n_long_pairs: int
    """Pairs i < j with coordinates, 24 or more apart."""
    long_contacts: NDArray[np.intp]
    """The contacts among these, by their place in the order of (i, j)."""

    @property
    def n_with_coordinates(self) -> int:
        """Return the number of residues with coordinates: the L of P@L."""
        return int(self.has_coordinates.sum())

    def are_contacts(self, i: NDArray[np.intp], j: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return True for each pair in contact, shape (P,); residues count from 0. False where coordinates lack."""
        is_near = np.linalg.norm(self.coordinates[i] - self.coordinates[j], axis=1) < CONTACT_DISTANCE
        return np.asarray(is_near & (np.abs(i - j) >= NEAREST))

    def select_long_pairs(self, scores: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the map's scores, (N, N), at the long-range pairs, in the order of (i, j)."""
        residues = np.flatnonzero(self.has_coordinates)
        is_long = residues >= (residues + LONG)[:, None]  # (K, K), no array of integers on the way
        return np.asarray(scores[np.ix_(residues, residues)][is_long])


def find_contacts(coordinates: NDArray[np.floating]) -> StructureContacts:
    """Return the contacts among residues from one atom of each, (N, 3) angstrom, not a number where it is missing."""
    residues = np.flatnonzero(np.isfinite(coordinates).all(1))
    points = coordinates[residues].astype(np.float64)

    # A row at a time: K x K x 3 would be the largest array of the pass.
    contacts, long_contacts, n_long = [np.empty((2, 0), np.intp)], [np.empty(0, np.intp)], 0
    for i, point in zip(residues, points, strict=True):
        near = residues[np.linalg.norm(points - point, axis=1) < CONTACT_DISTANCE]
        near = near[np.abs(near - i) >= NEAREST]
        contacts.append(np.stack([np.full_like(near, i), near]))

        following = residues[np.searchsorted(residues, i + LONG) :]
        long_contacts.append(n_long + np.searchsorted(following, near[near >= i + LONG]))
        n_long += len(following)

    has_coordinates = np.zeros(len(coordinates), np.bool_)
    has_coordinates[residues] = True
    return StructureContacts(
        coordinates=coordinates.astype(np.float64),
        has_coordinates=has_coordinates,
        contacts=np.concatenate(contacts, axis=1),
        n_long_pairs=n_long,
        long_contacts=np.concatenate(long_contacts),
    )
