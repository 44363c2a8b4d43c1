"""What a model reads of one sequence, or of several joined into one: tokens and their positions.

Axis letters: `T` tokens.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class TokenInput:
    """The tokens that run through the model as one sequence: the first and the last are no residues."""

    ids: NDArray[np.int64]
    """Ids of the tokens, shape (T,)."""
    positions: NDArray[np.int64]
    """Position of each token as rotary or learned positions count it, from 0, shape (T,)."""

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self.ids)
