"""The labels of the sequences of a pack, placed on a device, and sums over the residues that carry each.

Axis letters: `T` tokens of a pack, its sequences end to end, `N` their residues, `F` labels of a pack, `E` residues of
all labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attlas.pipeline.attention.device_copy import copy_to_device

Labels = NDArray[np.bool_]
"""True where a residue carries a label, shape (labels, residues) of one sequence."""


@dataclass(frozen=True)
class PackLabels:
    """The labels of a pack, one sequence after the other, as tensors on a device."""

    tokens: Tensor
    """The tokens of the residues that carry a label, label after label, (E,)."""
    label_begins: Tensor
    """The place in `tokens` of the first one of each label, (F,)."""
    n_labelled: Tensor
    """Residues that carry each label, (F,)."""
    n_others: Tensor
    """The other residues of the label's sequence, (F,)."""
    residues: Tensor
    """The token of every residue, (N,)."""
    sequence_begins: Tensor
    """The place along the residues of the first one of each residue's sequence, (N,)."""

    def sum(self, values: Tensor) -> Tensor:
        """Return the sums of values (..., T) over the residues of each label, (..., F), in float64.

        A label's sum is added up in the order of its residues, on a GPU, too.
        """
        table = values.double().reshape(-1, values.shape[-1]).T.contiguous()  # (T, all other axes)
        sums = torch.nn.functional.embedding_bag(self.tokens, table, self.label_begins, mode="sum")
        return sums.T.reshape(*values.shape[:-1], len(self.label_begins))


def place_labels(labels: Sequence[Labels], device: torch.device) -> PackLabels:
    """Return the labels of the sequences of a pack as tensors on a device."""
    lengths = np.array([of_sequence.shape[1] for of_sequence in labels])
    begins = np.cumsum(lengths) - lengths
    first_tokens = begins + 2 * np.arange(len(labels)) + 1  # of the residues: `<cls>` stands before, `<eos>` after them
    tokens = [token + np.nonzero(of_sequence)[1] for token, of_sequence in zip(first_tokens, labels, strict=True)]
    n_labelled = np.concatenate([of_sequence.sum(1) for of_sequence in labels])
    n_residues = np.repeat(lengths, [len(of_sequence) for of_sequence in labels])

    parts = (
        np.concatenate(tokens),
        np.cumsum(n_labelled) - n_labelled,
        n_labelled,
        n_residues - n_labelled,
        np.arange(lengths.sum()) + np.repeat(first_tokens - begins, lengths),
        np.repeat(begins, lengths),
    )
    return PackLabels(*(copy_to_device(torch.from_numpy(part.astype(np.int64)), device) for part in parts))
