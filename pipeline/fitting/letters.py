"""The letters of residues as columns: one column for each, and the window of letters around each. Loads no torch.

Axis letters: `N` residues.
"""

import numpy as np
from numpy.typing import NDArray

LETTERS = "ACDEFGHIKLMNPQRSTVWY"
"""The amino acids that have a column each; all other letters share one more."""
N_LETTERS = len(LETTERS) + 1
REACH = 7
"""Residues on either side of a residue that its window holds."""
WINDOW_COLUMNS = (2 * REACH + 1) * N_LETTERS


def encode_letters(sequence: str) -> NDArray[np.float32]:
    """Return the letter of each residue as one column of N_LETTERS that is 1, (N, N_LETTERS)."""
    return np.eye(N_LETTERS, dtype=np.float32)[index_letters(sequence)]


def encode_windows(sequence: str) -> NDArray[np.float32]:
    """Return the letters from REACH before to REACH after each residue, (N, WINDOW_COLUMNS); 0 beyond the ends."""
    letters = np.pad(encode_letters(sequence), ((REACH, REACH), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(letters, 2 * REACH + 1, axis=0)  # (N, letters, 2 x REACH + 1)
    return np.ascontiguousarray(windows.transpose(0, 2, 1)).reshape(len(sequence), WINDOW_COLUMNS)


def index_letters(sequence: str) -> NDArray[np.int64]:
    """Return the place of each letter in LETTERS, (N,); of any other letter the number after the last."""
    return _LETTER_INDEX[np.frombuffer(sequence.encode(), np.uint8)]


def _index_codes() -> NDArray[np.int64]:
    index = np.full(256, len(LETTERS), np.int64)
    index[np.frombuffer(LETTERS.encode(), np.uint8)] = np.arange(len(LETTERS))
    return index


_LETTER_INDEX = _index_codes()
