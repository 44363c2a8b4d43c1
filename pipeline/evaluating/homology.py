"""Homology transfer: residues opposite a labelled residue of a protein that is alike, where the letters agree. Pure."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.evaluating.truth import LabelledProtein
from attlas.pipeline.relatives.clusters import is_alike
from attlas.pipeline.relatives.hits import HomologyHit

N_VOTES = 5
"""Best hits that vote on a residue."""
COLUMNS = ("best", "best_identity", "votes")
"""Whether the best hit gives the residue; the identity of that hit; the share of the identities of the best five."""


def transfer(
    place: int,
    proteins: Sequence[LabelledProtein],
    hits: Sequence[HomologyHit],
    is_donor: Callable[[int], bool],
) -> NDArray[np.float32]:
    """Return the columns that homology gives each residue of a protein, (N, 3), in the order of COLUMNS.

    Args:
        place: of the protein.
        proteins: all proteins.
        hits: of the protein, the best first.
        is_donor: whether labels may come from a protein.
    """
    sequence = np.frombuffer(proteins[place].sequence.encode(), np.uint8)
    columns = np.zeros((len(sequence), len(COLUMNS)), np.float32)
    donors = [hit for hit in hits if is_donor(hit.protein)][:N_VOTES]

    for rank, hit in enumerate(donors):
        donor, alignment = proteins[hit.protein], hit.alignment
        letters = np.frombuffer(donor.sequence.encode(), np.uint8)
        is_given = donor.labels[alignment.other_places]
        is_given &= letters[alignment.other_places] == sequence[alignment.places]
        given = alignment.places[is_given]
        if rank == 0:
            columns[given, 0] = 1
            columns[given, 1] = alignment.identity
        columns[given, 2] += alignment.identity

    if donors:
        columns[:, 2] /= sum(hit.alignment.identity for hit in donors)
    return columns


def find_nearest_identity(hits: Sequence[HomologyHit], is_donor: Callable[[int], bool]) -> float:
    """Return the identity of the most identical donor that is aligned over half of the shorter protein; 0 without."""
    return max((hit.alignment.identity for hit in hits if is_donor(hit.protein) and is_alike(hit, 0)), default=0.0)
