"""The area under the ROC curve by which attention received tells labelled residues from the others of a protein.

Axis letters: `H` heads, `T` tokens of a pack, its sequences end to end, `N` their residues, `F` labels of a pack.
"""

import torch
from torch import Tensor

from attlas.pipeline.probe.pack_labels import PackLabels


def compute_auc(received: Tensor, labels: PackLabels) -> Tensor:
    """Return the chance that a labelled residue receives more than another of its sequence; ties count half.

    By ranks (Mann and Whitney 1947): each head is sorted once, however many labels there are.

    Args:
        received: attention that every token receives from each head, (H, T).
        labels: the labels of the pack.

    Returns:
        (H, F) in float64, 0 to 1; not a number where all residues of a sequence carry the label, or none.
    """
    n_with = labels.n_labelled  # (F,)
    n_pairs = n_with * labels.n_others
    ranks = rank_residues(received.index_select(1, labels.residues), labels.sequence_begins)
    of_tokens = ranks.new_zeros(received.shape).index_copy_(1, labels.residues, ranks)

    wins = labels.sum(of_tokens) - n_with * (n_with + 1) / 2  # (H, F)
    return torch.where(n_pairs > 0, wins / n_pairs, torch.nan)


def rank_residues(values: Tensor, sequence_begins: Tensor) -> Tensor:
    """Return the rank of each value among those of its sequence, 1 for the smallest; equal ones share their mean rank.

    Args:
        values: a value of each residue and head, (H, N).
        sequence_begins: the place of the first residue of each residue's sequence, (N,).

    Returns:
        (H, N) in float64.
    """
    n = values.shape[1]
    place = torch.arange(n, device=values.device)

    # By sequence, and by value within it: the second sort keeps the order of the first.
    by_value = values.argsort(dim=1)
    order = by_value.gather(1, sequence_begins[by_value].argsort(dim=1, stable=True))
    ordered = values.gather(1, order)

    # Runs of equal values, and of each place in a run the first and the last place of it.
    begins_run = torch.ones_like(ordered, dtype=torch.bool)
    begins_run[:, 1:] = (ordered[:, 1:] != ordered[:, :-1]) | (sequence_begins[1:] != sequence_begins[:-1])
    ends_run = torch.ones_like(begins_run)
    ends_run[:, :-1] = begins_run[:, 1:]
    run_begin = torch.where(begins_run, place, 0).cummax(1).values
    run_end = torch.where(ends_run, place, n).flip(1).cummin(1).values.flip(1)

    ranks = (run_begin + run_end).double() / 2 + 1 - sequence_begins
    return torch.empty_like(ranks).scatter_(1, order, ranks)
