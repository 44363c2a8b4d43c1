"""The attention that labelled residues receive from each head, summed while the model runs.

A property of residues needs no list of edges: the attention that every residue receives from a head, summed over the
labelled residues, gives the shares of Vig et al. (ICLR 2021); its ranks give an AUC. One layer at a time is held; of it
the measures of the labels are kept, and the profile of the head that gives a residue most. Nothing waits for a GPU.

Axis letters: `H` heads, `T` tokens, `P` sequences in a pack, `F` labels, `M` measures, `D` directions.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from attlas.pipeline.attention.definitions import LayerInputs, PackAttention
from attlas.pipeline.attention.receiving import MASS, SUMS, Receive
from attlas.pipeline.probe.auc import compute_auc
from attlas.pipeline.probe.pack_labels import PackLabels
from attlas.pipeline.probe.periods import PeriodSums

MEASURES = (*SUMS, "auc")
"""The measures of a label: these sums over its residues, and how well `mass` tells its residues from the others."""


@dataclass(frozen=True)
class ReduceToLabels:
    """A `Reduction` to the attention that labelled residues receive, for the sequences of one pack.

    In the `PackAttention` that it returns, `heads` is (1, H, sum of F x M + P x periods x D): the measures of each
    label of each sequence, one label after the other, in the order of MEASURES; then the sums at each period of each
    sequence, before and after. `received` is what a residue receives from the head that gives it most, not the mean
    over heads.
    """

    labels: PackLabels
    """The labels of the sequences, on the device of the model."""
    receive: Receive
    """Sums what every token receives."""
    periods: tuple[int, ...] = ()
    """Distances along the sequence, residues, at which attention is summed."""

    def __call__(self, inputs: LayerInputs, *, theta: float) -> PackAttention:
        """Reduce one layer."""
        at_periods = PeriodSums(self.periods, inputs.pack, n_heads=len(inputs.q))
        output, received = self.receive(inputs, theta=theta, add_tile=at_periods.add if self.periods else None)

        measures = measure_labels(received, self.labels).flatten(1)
        joined = torch.cat([measures, at_periods.by_head()], dim=1).float()
        largest = received[MASS].amax(0).index_select(0, self.labels.residues).float()
        return PackAttention(output, largest, joined[None])


def measure_labels(received: Tensor, labels: PackLabels) -> Tensor:
    """Return the measures of each label, (H, F, M), from the attention every token receives, (3, H, T) by SUMS."""
    sums = labels.sum(received)  # (3, H, F)
    # Ranked as stored, in float32: values that differ by less are ties.
    areas = compute_auc(received[MASS].float(), labels)  # (H, F)
    return torch.cat([sums, areas[None]]).permute(1, 2, 0)
