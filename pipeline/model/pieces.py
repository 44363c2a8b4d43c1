"""Vocabularies with tokens of several residues, such as the byte-pair encoding of PaccMann's models. Loads nothing.

Everything an atlas stores is per residue. Every residue of a token asks as its token does, and what a token receives is
shared out evenly over its residues: rows still sum to 1, and no mass is lost. So the distance between two tokens is
that between their middles, and the profile of a protein is flat within a token. The resolution is that of the tokens.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.model.letters import Vocabulary


@dataclass(frozen=True)
class Pieces:
    """A sequence cut into tokens."""

    tokens: Sequence[int]
    n_residues: Sequence[int]
    """Residues of each token."""


@dataclass(frozen=True)
class PieceVocabulary(Vocabulary):
    """The tokens that a model reads for a sequence, by its own tokenizer."""

    cut: Callable[[str], Pieces] = field(compare=False)
    """Cuts a sequence of letters that have tokens. Raises EnvironmentFault where its tokens do not make it up."""
    longest: int
    """Residues of the longest token."""

    @property
    def is_of_pieces(self) -> bool:
        """Return whether a token may stand for several residues: here it may."""
        return True

    @property
    def last_stand_in(self) -> str:
        """Return X: an unknown token would stand for any number of residues, so none is read for a letter."""
        return "X"

    @property
    def mapping(self) -> str:
        """Return the letters that are read as others, and the residues of a token, as a run records them."""
        return ", ".join(filter(None, [super().mapping, f"residues_per_token 1 to {self.longest}"]))

    def count_tokens(self, sequence: str) -> int:
        """Return the number of tokens of a sequence, without those around it."""
        return len(self._cut_readable(sequence).tokens)

    def token_ids(self, sequence: str) -> NDArray[np.int64]:
        """Return the tokens of a sequence that the model can read, in the model's own order."""
        return np.concatenate([self.before, self._cut_readable(sequence).tokens, self.after]).astype(np.int64)

    def find_places(self, sequence: str) -> list[int | None]:
        """Return, for <cls>, each residue and <eos>, its place among the model's tokens, None without one."""
        n_residues = self._cut_readable(sequence).n_residues
        begin = len(self.before)
        places = np.repeat(np.arange(begin, begin + len(n_residues)), n_residues)
        end = begin + len(n_residues)
        return [0 if self.before else None, *map(int, places), end if self.after else None]

    def _cut_readable(self, sequence: str) -> Pieces:
        """Cut a sequence with other letters in place of those without a token."""
        readable = {ord(letter): stand_in for letter, stand_in in self.stand_ins.items() if stand_in is not None}
        return self.cut(sequence.translate(readable))
