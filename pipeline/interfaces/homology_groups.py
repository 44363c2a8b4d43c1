"""Homology groups of pairs: pairs with similar chains are not independent evidence, and form one group.

Two sequences are alike if their best local alignment (BLOSUM62, opening a gap costs 11, each further place 1) has a
score of 60 or more (28 bits), and its identical residues are 30 % or more of the shorter sequence, as with 40 %
identity over three quarters of it. Only sequences that share four letters in a row are aligned. Two pairs are in one
group if a sequence of one is like a sequence of the other, directly or through further pairs.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

IDENTITY = 0.3
"""Share of the shorter sequence from which on identical residues make two sequences alike."""
LOWEST_SCORE = 60
"""Score from which on an alignment is not by chance: 28 bits."""
WORD = 4
"""Letters in a row that two sequences must share to be aligned."""

AreAlike = Callable[[str, str], bool]
"""Returns whether two sequences are alike."""


@dataclass
class Components:
    """Connected components of items that are joined two by two (union-find)."""

    parents: dict[Hashable, Hashable] = field(default_factory=dict)

    def find(self, item: Hashable) -> Hashable:
        """Return the item that stands for the component of an item."""
        self.parents.setdefault(item, item)
        while self.parents[item] != item:
            self.parents[item] = self.parents[self.parents[item]]  # shortens the way for the next search
            item = self.parents[item]
        return item

    def join(self, item: Hashable, neighbour: Hashable) -> None:
        """Join the components of two items."""
        self.parents[self.find(item)] = self.find(neighbour)


def group_pairs(
    pairs: Mapping[int, tuple[str, str]], *, identity: float = IDENTITY, are_alike: AreAlike | None = None
) -> dict[int, int]:
    """Return the homology group of each pair: the lowest `pair_id` of the group.

    Args:
        pairs: the two sequences of each pair, by `pair_id`.
        identity: share of the shorter sequence from which on identical residues make two sequences alike.
        are_alike: says which sequences are alike; None: by alignment, as described above.
    """
    are_alike = are_alike or make_aligner(identity)
    components = Components()
    for sequence, partner in pairs.values():
        components.join(sequence, partner)

    for sequence, relative in _list_candidates(sorted({sequence for pair in pairs.values() for sequence in pair})):
        if components.find(sequence) != components.find(relative) and are_alike(sequence, relative):
            components.join(sequence, relative)

    lowest: dict[Hashable, int] = {}
    for pair_id in sorted(pairs):
        lowest.setdefault(components.find(pairs[pair_id][0]), pair_id)
    return {pair_id: lowest[components.find(sequence)] for pair_id, (sequence, _) in pairs.items()}


def make_aligner(identity: float = IDENTITY) -> AreAlike:
    """Return a function that says, by alignment, whether two sequences are alike."""
    from Bio.Align import PairwiseAligner, substitution_matrices

    matrix = substitution_matrices.load("BLOSUM62")
    aligner = PairwiseAligner(mode="local", substitution_matrix=matrix, open_gap_score=-11, extend_gap_score=-1)

    def are_alike(sequence: str, relative: str) -> bool:
        letters, other_letters = (_replace_rare(residues, matrix.alphabet) for residues in (sequence, relative))
        if aligner.score(letters, other_letters) < LOWEST_SCORE:
            return False
        alignment = aligner.align(letters, other_letters)[0]
        n_identical = sum(
            sequence[i + offset] == relative[j + offset]
            for (i, end), (j, _) in zip(*alignment.aligned, strict=True)
            for offset in range(end - i)
        )
        return n_identical >= identity * min(len(sequence), len(relative))

    return are_alike


def _replace_rare(sequence: str, alphabet: str) -> str:
    """Return a sequence with X in place of letters that the matrix lacks, such as U."""
    return "".join(letter if letter in alphabet else "X" for letter in sequence)


def _list_candidates(sequences: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the pairs of sequences that share four letters in a row, in order.

    Sequences of fewer letters are paired with all.
    """
    by_word: dict[str, list[int]] = defaultdict(list)
    for place, sequence in enumerate(sequences):
        for word in {sequence[start : start + WORD] for start in range(len(sequence) - WORD + 1)}:
            by_word[word].append(place)

    candidates = {pair for places in by_word.values() for pair in combinations(places, 2)}
    too_short = [i for i, sequence in enumerate(sequences) if len(sequence) < WORD]
    candidates |= {(min(i, j), max(i, j)) for i in too_short for j in range(len(sequences)) if i != j}
    for i, j in sorted(candidates):
        yield sequences[i], sequences[j]
