"""The pairs of residues that a probe of contacts is fitted on: sampled and weighted, so that they stand for all pairs.

A pair counts if both residues have coordinates and are 6 or more apart. Every contact is taken, with a weight of
1, and so is every contact of the null; of all other pairs a few in each bin of separations, which share the weight of
all of them. Pure: no model, no file.

Axis letters: `N` residues, `Q` all pairs of a protein, `P` those of its sample, `M` targets.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.contacts.structure_contacts import LONG, NEAREST, StructureContacts
from attlas.pipeline.fitting.letters import N_LETTERS, index_letters

SEPARATION_BEGINS = (6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 64, 96, 128, 192, 256)
"""The smallest separation |i - j| of each bin; the last one goes on to the end of the chain."""
N_SEPARATIONS = len(SEPARATION_BEGINS)
N_SAMPLED = 10
"""Pairs that are no contact, sampled for each contact of the same protein and bin; as many in a bin without one."""

Floats = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class AllPairs:
    """All pairs of a protein that count, in order of (i, j)."""

    i: Places
    """Residue of each pair that is nearer to the beginning, counted from 0, (Q,)."""
    j: Places
    """The other residue, 6 or more behind, (Q,)."""
    is_contact: NDArray[np.bool_]
    """(Q,)."""

    @property
    def separations(self) -> Places:
        """Return the bin of each pair's separation, (Q,)."""
        return np.asarray(np.searchsorted(SEPARATION_BEGINS, self.j - self.i, side="right") - 1)

    @property
    def is_long(self) -> NDArray[np.bool_]:
        """Return the mask of the pairs of long range, 24 or more apart, (Q,)."""
        return np.asarray(self.j - self.i >= LONG)


@dataclass(frozen=True)
class PairSample:
    """The pairs of a protein that a probe is fitted on."""

    i: Places
    """(P,), as of AllPairs."""
    j: Places
    separations: Places
    """Bin of each pair, (P,)."""
    weights: Floats
    """How many pairs of the protein each stands for, (P,)."""
    targets: Floats
    """(M, P), 0 or 1: contact, control task, and permuted contact, as in `controls.TARGETS`."""


def list_pairs(contacts: StructureContacts) -> AllPairs:
    """Return all pairs of a protein that count."""
    n_residues = len(contacts.has_coordinates)
    residues = np.flatnonzero(contacts.has_coordinates)
    i, j = (residues[places] for places in np.triu_indices(len(residues), k=1))
    is_apart = j - i >= NEAREST
    i, j = i[is_apart], j[is_apart]

    # One number for each pair, to look it up among the contacts.
    pair_numbers = contacts.contacts[0] * n_residues + contacts.contacts[1]
    return AllPairs(i, j, np.isin(i * n_residues + j, pair_numbers))


class PairControl:
    """The control task of contacts: two letters in a bin of separations draw one label, which is the same everywhere.

    It is drawn at the rate of the bin, so that separations explain of it what they explain of contacts.
    """

    def __init__(self, proteins: Iterable[AllPairs], *, seed: int) -> None:
        """Draw for every bin and pair of letters, from the rates of contacts in the pairs of all proteins."""
        n_contacts, n_pairs = np.zeros(N_SEPARATIONS), np.zeros(N_SEPARATIONS)
        for pairs in proteins:
            separations = pairs.separations
            n_pairs += np.bincount(separations, minlength=N_SEPARATIONS)
            n_contacts += np.bincount(separations[pairs.is_contact], minlength=N_SEPARATIONS)
        self.n_pairs = int(n_pairs.sum())
        """Pairs of all proteins."""
        rates = n_contacts / np.maximum(n_pairs, 1)
        uniform = np.random.default_rng(seed).random((N_SEPARATIONS, N_LETTERS, N_LETTERS))
        self.drawn = uniform < rates[:, None, None]

    def assign(self, sequence: str, i: Places, j: Places, separations: Places) -> NDArray[np.bool_]:
        """Return the label of pairs of residues of a sequence, (P,)."""
        letters = index_letters(sequence)
        return np.asarray(self.drawn[separations, letters[i], letters[j]])


def sample_pairs(pairs: AllPairs, sequence: str, control: PairControl, *, seed: Sequence[int]) -> PairSample:
    """Return the pairs of a protein that a probe is fitted on, with their weights and targets.

    The permuted contacts are as many in each bin as the contacts, drawn from all pairs of the bin.

    Args:
        pairs: all pairs of the protein; there is at least one.
        sequence: its letters.
        control: the control task.
        seed: seed of the draws, the protein's own.
    """
    generator = np.random.default_rng(list(seed))
    separations = pairs.separations
    weights = np.zeros(len(pairs.i))
    is_permuted = np.zeros(len(pairs.i), bool)

    for separation in np.unique(separations):
        places = np.flatnonzero(separations == separation)
        contacts = places[pairs.is_contact[places]]
        permuted = generator.choice(places, len(contacts), replace=False)
        is_permuted[permuted] = True

        # Contacts of both kinds are taken whole, so that the same weights are right for either target.
        taken = np.union1d(contacts, permuted)
        others = np.setdiff1d(places, taken, assume_unique=True)
        sampled = generator.choice(others, min(N_SAMPLED * max(len(contacts), 1), len(others)), replace=False)
        weights[taken] = 1
        weights[sampled] = len(others) / max(len(sampled), 1)

    kept = np.flatnonzero(weights)
    i, j, separations = pairs.i[kept], pairs.j[kept], separations[kept]
    is_control = control.assign(sequence, i, j, separations)
    targets = np.stack([pairs.is_contact[kept], is_control, is_permuted[kept]]).astype(np.float64)
    return PairSample(i, j, separations, weights[kept], targets)
