"""Measures of attention across a pair by the definitions, in float64 from transformers' eager maps.

The tables are of float32 maps, whose order may differ where two scores are nearly equal: a measure is a range here,
from the scores of positives lowered and those of all others raised by what rounding may do, to the reverse.

Axis letters: `L` layers, `H` heads, `N` residues of a protein, `M` its partner's, `T` residues of both, `K` items, `P`
positives among them.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from helpers.contact_oracles import corrected
from helpers.pair_oracle import EagerPair

ROUNDING = 3e-5
"""What rounding may change of a weight, as a share of it."""

Range = tuple[float, float]


def average_orders(forward: EagerPair, reverse: EagerPair) -> np.ndarray:
    """Return the mean inner map of both orders, the protein before its partner, (L, H, T, T)."""
    maps = []
    for pair, places in (
        (forward, [*forward.tokens, *forward.partner_tokens]),
        (reverse, [*reverse.partner_tokens, *reverse.tokens]),
    ):
        maps.append(pair.maps[:, :, places][:, :, :, places])
    return np.mean(maps, axis=0)


def measure_heads(maps: Sequence[np.ndarray], contacts: np.ndarray | None, sides: Sequence[np.ndarray]) -> dict:
    """Return the range of every measure of fused heads, or of one; None where no contacts are known.

    Args:
        maps: the inner map of each head, (T, T).
        contacts: which pairs of residues are contacts, (N, M); None: not known.
        sides: which residues of the protein have a contact, (N,), and which of its partner, (M,).
    """
    n = len(sides[0])
    measures: dict[str, Range | None] = dict.fromkeys(("auroc", "auprc", "hits_1", "hits_5", "hits_10", "hits_l10"))
    if contacts is not None:
        scores = np.mean([corrected(whole)[:n, n:] for whole in maps], axis=0)
        slack = ROUNDING * np.mean([_add_up(whole)[:n, n:] for whole in maps], axis=0)
        cuts = {"hits_1": 1, "hits_5": 5, "hits_10": 10, "hits_l10": max(1, min(contacts.shape) // 10)}
        measures |= rank_positives(scores.ravel(), slack.ravel(), contacts.ravel(), cuts)

    whole = np.mean(maps, axis=0)
    received = whole[n:, :n].sum(0), whole[:n, n:].sum(0)
    for side, values, is_interface in zip(("interface", "partner_interface"), received, sides, strict=True):
        ranges = rank_positives(values, ROUNDING * values, is_interface, {})
        measures |= {f"{side}_{name}": ends for name, ends in ranges.items()}
    return measures


def rank_positives(
    scores: np.ndarray, slack: np.ndarray, is_positive: np.ndarray, cuts: Mapping[str, int]
) -> dict[str, Range]:
    """Return the range of each measure of a ranking, of scores that may be wrong by `slack`, (K,) each."""
    positives, others = scores[is_positive], scores[~is_positive]
    order = np.argsort(-positives)
    positives, slack, other_slack = positives[order], slack[is_positive][order], slack[~is_positive]

    # Others at least as high as each positive, (P,), and positives: one after the other, or the near ones together.
    most_above = ((others + other_slack)[None] >= (positives - slack)[:, None]).sum(1)
    least_above = ((others - other_slack)[None] > (positives + slack)[:, None]).sum(1)
    fewest = np.arange(1, len(positives) + 1)
    most = ((positives + slack)[None] >= (positives - slack)[:, None]).sum(1)

    ranges = {
        "auroc": tuple(1 - above.mean() / len(others) for above in (most_above, least_above)),
        "auprc": ((fewest / (fewest + most_above)).mean(), (most / (most + least_above)).mean()),
    }
    for name, cut in cuts.items():
        ranges[name] = tuple(float((fewest + above <= cut).sum()) for above in (most_above, least_above))
    return ranges


def _add_up(whole: np.ndarray) -> np.ndarray:
    """Return the sum of the two numbers whose difference is a score, (T, T)."""
    both = whole + whole.T
    return both + np.outer(both.sum(0), both.sum(1)) / both.sum()
