"""Which proteins of a set are alike: candidates by letters that they share, three in a row, then aligned.

A pair is aligned if the two share MIN_SHARED or more words of three letters within a band of diagonals, which
homologous proteins do also where less than half of their letters agree; of each protein at most the MOST_CANDIDATES
with the most. So the work grows with the number of proteins, not with its square.

Axis letters: `W` words of the set, `P` proteins.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.relatives.alignments import METHOD as ALIGNMENT_METHOD
from attlas.pipeline.relatives.alignments import Alignment, align, find_expectation, find_score

WORD = 3
"""Letters of a word."""
BAND = 24
"""Diagonals (place in one less place in the other) that are counted together."""
MIN_SHARED = 3
"""Words within a band from which on two proteins are aligned."""
MOST_CANDIDATES = 30
"""Proteins with which one is aligned."""
LARGEST_EXPECTATION = 1e-3
"""Expectation value of an alignment up to which it is a hit."""
METHOD = (
    f"{ALIGNMENT_METHOD}; pairs with {MIN_SHARED} words of {WORD} letters within {BAND} diagonals, at most "
    f"{MOST_CANDIDATES} a protein; expectation {LARGEST_EXPECTATION:g} or less"
)
_LETTERS = "ACDEFGHIKLMNPQRSTVWY"


@dataclass(frozen=True)
class HomologyHit:
    """A protein that is alike, with the alignment in which `places` are those of the protein that was asked for."""

    protein: int
    """Its place in the set."""
    alignment: Alignment


def find_hits(sequences: Sequence[str]) -> list[list[HomologyHit]]:
    """Return the hits of each protein among all others of the set, the best score first."""
    pairs = {(min(pair), max(pair)) for pair in find_candidates(sequences, sequences) if pair[0] != pair[1]}
    n_residues = sum(map(len, sequences))
    hits: list[list[HomologyHit]] = [[] for _ in sequences]
    for i, j in sorted(pairs):
        if alignment := _align_if_alike(sequences[i], sequences[j], n_residues):
            hits[i].append(HomologyHit(j, alignment))
            hits[j].append(HomologyHit(i, alignment.turn()))
    return [sort_hits(of_protein) for of_protein in hits]


def find_hits_to(sequences: Sequence[str], targets: Sequence[str]) -> list[list[HomologyHit]]:
    """Return the hits of each protein among those of another set, the best score first."""
    n_residues = sum(map(len, targets))
    hits: list[list[HomologyHit]] = [[] for _ in sequences]
    for place, target in find_candidates(sequences, targets):
        if alignment := _align_if_alike(sequences[place], targets[target], n_residues):
            hits[place].append(HomologyHit(target, alignment))
    return [sort_hits(of_protein) for of_protein in hits]


def sort_hits(hits: Sequence[HomologyHit]) -> list[HomologyHit]:
    """Return hits by score, the best first, of equal ones by place."""
    return sorted(hits, key=lambda hit: (-hit.alignment.score, hit.protein))


def find_candidates(sequences: Sequence[str], targets: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the pairs of a protein and a target worth aligning, by their places; a protein is one of itself, too."""
    words = [_list_words(target) for target in targets]
    all_words = np.concatenate(words)  # (W,)
    owners = np.repeat(np.arange(len(words)), [len(part) for part in words])
    places = np.concatenate([np.arange(len(part)) for part in words])

    is_word = all_words >= 0
    all_words, owners, places = all_words[is_word], owners[is_word], places[is_word]
    order = np.argsort(all_words, kind="stable")
    all_words, owners, places = all_words[order], owners[order], places[order]

    longest = max(map(len, (*sequences, *targets)))
    n_bands = 2 * longest // BAND + 2
    for protein, sequence in enumerate(sequences):
        others, diagonals = _match_words(_list_words(sequence), all_words, owners, places)
        keys, counts = np.unique(others * n_bands + (diagonals + longest) // BAND, return_counts=True)

        # Of each target the band with the most words.
        by_count = np.argsort(-counts, kind="stable")
        by_count = by_count[counts[by_count] >= MIN_SHARED]
        candidates = dict.fromkeys((keys[by_count] // n_bands).tolist())
        for other in list(candidates)[: MOST_CANDIDATES + 1]:
            yield protein, other


def _align_if_alike(sequence: str, other: str, n_residues: int) -> Alignment | None:
    """Return the alignment of two proteins, None where its score is expected by chance."""
    score = find_score(sequence, other)
    if find_expectation(score, length=len(sequence), n_searched=n_residues) > LARGEST_EXPECTATION:
        return None
    return align(sequence, other)


def _match_words(
    own_words: NDArray[np.int64], all_words: NDArray[np.int64], owners: NDArray[np.int64], places: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return, for each occurrence of a protein's words in the sorted words of the set, its protein and diagonal."""
    own_places = np.flatnonzero(own_words >= 0)
    begins = np.searchsorted(all_words, own_words[own_places], "left")
    n_matches = np.searchsorted(all_words, own_words[own_places], "right") - begins

    first_of = np.cumsum(n_matches) - n_matches
    offsets = np.arange(n_matches.sum()) - np.repeat(first_of, n_matches)
    matches = np.repeat(begins, n_matches) + offsets
    return owners[matches], places[matches] - np.repeat(own_places, n_matches)


def _list_words(sequence: str) -> NDArray[np.int64]:
    """Return the word that begins at each residue as a number; -1 where it has another letter than the twenty."""
    codes = np.full(256, -1, np.int64)
    codes[np.frombuffer(_LETTERS.encode(), np.uint8)] = np.arange(len(_LETTERS))
    letters = codes[np.frombuffer(sequence.encode(), np.uint8)]
    n_words = max(len(letters) - WORD + 1, 0)
    parts = [letters[place : place + n_words] for place in range(WORD)]
    words = sum(part * len(_LETTERS) ** place for place, part in enumerate(parts))
    is_whole = np.min(parts, axis=0) >= 0 if n_words else np.zeros(0, bool)
    return np.where(is_whole, words, -1).astype(np.int64)
