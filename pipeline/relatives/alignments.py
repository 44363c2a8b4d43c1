"""Local alignments of two proteins: their identity, and which residues are aligned to each other. Pure.

BLOSUM62, a gap of n residues costs 11 + n, as in BLAST; an expectation value after Karlin and Altschul (1990) with
BLAST's constants for these gaps.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

METHOD = "Smith-Waterman, BLOSUM62, gaps 11 + n, Biopython"
_LETTERS = "ARNDCQEGHILKMFPSTWYVBZX*"
_OPEN, _EXTEND = -12.0, -1.0
_LAMBDA, _K = 0.267, 0.041
"""Constants of the distribution of scores, of gapped BLOSUM62 11/1 in BLAST."""


@dataclass(frozen=True)
class Alignment:
    """The best local alignment of two sequences."""

    score: float
    identity: float
    """Identical letters over the columns of the alignment, gaps among them, 0 to 1."""
    coverage: float
    """Aligned letters over the length of the shorter sequence, 0 to 1."""
    places: NDArray[np.int32]
    """Places in the first sequence that are aligned to one of the second, counted from 0, (K,)."""
    other_places: NDArray[np.int32]
    """The places in the second sequence that they are aligned to, counted from 0, (K,)."""

    def turn(self) -> "Alignment":
        """Return the alignment of the second with the first."""
        return Alignment(self.score, self.identity, self.coverage, self.other_places, self.places)


def align(sequence: str, other: str) -> Alignment | None:
    """Return the best local alignment of two sequences; None where no letters fit. Letters it lacks are read as X."""
    aligner = _make_aligner()
    text, other_text = _plain_letters(sequence), _plain_letters(other)
    alignment = next(iter(aligner.align(text, other_text)), None)
    if alignment is None:
        return None

    blocks, other_blocks = alignment.aligned
    if len(blocks) == 0:
        return None
    places = np.concatenate([np.arange(begin, end, dtype=np.int32) for begin, end in blocks])
    other_places = np.concatenate([np.arange(begin, end, dtype=np.int32) for begin, end in other_blocks])

    letters, other_letters = (np.frombuffer(plain.encode(), np.uint8) for plain in (text, other_text))
    n_identical = int((letters[places] == other_letters[other_places]).sum())
    n_gaps = (places[-1] - places[0] + 1 - len(places)) + (other_places[-1] - other_places[0] + 1 - len(places))
    return Alignment(
        score=float(alignment.score),
        identity=n_identical / (len(places) + int(n_gaps)),
        coverage=len(places) / min(len(letters), len(other_letters)),
        places=places,
        other_places=other_places,
    )


def find_score(sequence: str, other: str) -> float:
    """Return the score of the best local alignment alone, which is quicker than `align`."""
    return float(_make_aligner().score(_plain_letters(sequence), _plain_letters(other)))


def find_expectation(score: float, *, length: int, n_searched: int) -> float:
    """Return how many alignments of such a score are expected by chance.

    Args:
        score: raw score of the alignment.
        length: residues of the query.
        n_searched: residues of all sequences that were searched.
    """
    return _K * length * n_searched * math.exp(-_LAMBDA * score)


@cache
def _make_aligner() -> Any:
    from Bio.Align import PairwiseAligner, substitution_matrices

    aligner = PairwiseAligner(mode="local", open_gap_score=_OPEN, extend_gap_score=_EXTEND)
    aligner.substitution_matrix = substitution_matrices.load("BLOSUM62")
    return aligner


def _plain_letters(sequence: str) -> str:
    """Return a sequence in letters that the matrix has."""
    return "".join(letter if letter in _LETTERS else "X" for letter in sequence)
