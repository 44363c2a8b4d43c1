"""How well scores rank known positives: areas under curves, and hits among the highest. Pure arithmetic.

Each measure has its rule for ties: half in the AUROC, together in the average precision, and the mean over all their
orders in the hits among the highest.

Axis letters: `K` items with a score (residues, or pairs of them), `P` positives among them, `N` residues of a protein,
`M` its partner's.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.interfaces.across_maps import AcrossMap
from attlas.pipeline.interfaces.known_interface import KnownInterface

CUTS = (1, 5, 10)
"""Numbers of top pairs in which hits are counted, besides a tenth of the shorter protein's residues."""

MEASURES = (
    "auroc",
    "auprc",
    "hits_1",
    "hits_5",
    "hits_10",
    "hits_l10",
    "interface_auroc",
    "interface_auprc",
    "partner_interface_auroc",
    "partner_interface_auprc",
)
"""The measures of a map, in order; the names are columns of `pair_head_contacts` and `pair_choices`."""


@dataclass(frozen=True)
class RankingMeasures:
    """How scores rank positives; every number is NaN if all or none of the items are positives."""

    auroc: float
    """Chance that a positive has a higher score than another item; ties count half."""
    auprc: float
    """Average precision: mean over positives of the precision among all items of their score or a higher one."""
    hits: tuple[float, ...]
    """Positives among the items of highest score, for each cut; of tied items, the mean over their orders."""


def rank_positives(
    scores: NDArray[np.floating], positives: NDArray[np.integer], *, cuts: Sequence[int] = ()
) -> RankingMeasures:
    """Return how scores, shape (K,), rank the positives at the given places, shape (P,).

    Args:
        scores: finite numbers; the higher, the likelier a positive.
        positives: distinct places of `scores`.
        cuts: numbers of top items in which hits are counted; all items if there are fewer.

    Source: Mann and Whitney 1947 for the area; average precision as in scikit-learn.
    """
    n_items, n_positives = len(scores), len(positives)
    if not 0 < n_positives < n_items:
        return RankingMeasures(np.nan, np.nan, (np.nan,) * len(cuts))

    ordered, values = np.sort(scores), np.sort(scores[positives])
    n_below, n_up_to = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")

    # Ranks count from 1; tied items share the mean of theirs.
    rank_sum = float((n_below + n_up_to + 1).sum()) / 2
    auroc = (rank_sum - n_positives * (n_positives + 1) / 2) / (n_positives * (n_items - n_positives))

    n_hits_at_least = n_positives - np.searchsorted(values, values, "left")
    auprc = float((n_hits_at_least / (n_items - n_below)).mean())
    return RankingMeasures(auroc, auprc, tuple(_count_hits(ordered, values, min(cut, n_items)) for cut in cuts))


def measure_map(across: AcrossMap, interface: KnownInterface, *, scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the MEASURES of a map across two proteins; all NaN where its attention is not finite.

    Args:
        across: the map, from which the attention received is taken.
        interface: its contacts and residues.
        scores: its scores, shape (N, M), as `AcrossMap.score` returns them.
    """
    if not across.is_finite:
        return np.full(len(MEASURES), np.nan)
    return measure_scores(interface, scores=scores, received=across.received, partner_received=across.partner_received)


def measure_scores(
    interface: KnownInterface,
    *,
    scores: NDArray[np.float32],
    received: NDArray[np.float32],
    partner_received: NDArray[np.float32],
) -> NDArray[np.float64]:
    """Return the MEASURES of scores of pairs and of attention received from the other protein; NaN if not defined.

    Args:
        interface: its contacts and residues.
        scores: of every pair of residues, shape (N, M), finite.
        received: what each residue of the protein receives from the partner, shape (N,).
        partner_received: what each residue of the partner receives from the protein, shape (M,).
    """
    contacts = RankingMeasures(np.nan, np.nan, (np.nan,) * (len(CUTS) + 1))
    if interface.contacts is not None:
        contacts = rank_positives(interface.select_pairs(scores), interface.contacts, cuts=(*CUTS, interface.n_tenth))
    residues = rank_positives(received[interface.observed], interface.interface)
    partner_residues = rank_positives(partner_received[interface.partner_observed], interface.partner_interface)

    # In the order of MEASURES.
    return np.array(
        [
            contacts.auroc,
            contacts.auprc,
            *contacts.hits,
            residues.auroc,
            residues.auprc,
            partner_residues.auroc,
            partner_residues.auprc,
        ]
    )


def _count_hits(ordered: NDArray[np.floating], values: NDArray[np.floating], cut: int) -> float:
    """Return the positives among the `cut` highest of `ordered`, (K,) ascending; `values`, (P,), are the positives'."""
    threshold = ordered[len(ordered) - cut]
    begin, end = np.searchsorted(ordered, threshold, "left"), np.searchsorted(ordered, threshold, "right")
    n_above = len(ordered) - end

    n_positive_ties = int((values == threshold).sum())
    share_of_ties = (cut - n_above) / (end - begin)
    return float((values > threshold).sum() + share_of_ties * n_positive_ties)
