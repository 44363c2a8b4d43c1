"""Two sequences joined to one input of a model, in one of four forms, with the places of their tokens.

| form | what the model reads |
|---|---|
| `gap` | `<cls> A B <eos>`; the positions of B are moved on, as if letters were between |
| `linker` | `<cls> A` 25 glycines `B <eos>`; attention to the linker is counted apart, that from it not |
| `ends` | `<cls> A <eos><cls> B <eos>` |
| `separators` | `<cls> A <eos><eos> B <eos>`, as PaccMann joins a pair |

Only rotary positions allow a gap: learned positions end, and a relative bias depends on the places of tokens.
Source of the linker: ESMFold (Lin et al., Science 2023). Axis letters: `T` tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from attlas.pipeline.encoder.inputs import TokenInput
from attlas.pipeline.model.letters import Vocabulary
from attlas.pipeline.plan import N_SPECIAL_TOKENS

Form = Literal["gap", "linker", "ends", "separators"]
FORMS: tuple[Form, ...] = ("gap", "linker", "ends", "separators")
"""The forms in which two sequences are joined."""

Order = Literal["forward", "reverse"]
ORDERS: tuple[Order, ...] = ("forward", "reverse")
"""The orders of two proteins in an input: as in the file of pairs, and the other."""

DEFAULT_GAP = 100
"""Positions without letters between two sequences, fixed before any result was seen."""

LINKER = "G" * 25
"""The letters of the form `linker`."""


@dataclass(frozen=True)
class JoinedInput:
    """Two sequences as one input; every token outside of both and of the linker is a special one."""

    tokens: TokenInput
    chains: tuple[slice, slice]
    """The places of the tokens of each sequence, in the order of the input."""
    linker: slice
    """The places of the linker's tokens; empty in other forms."""

    def __len__(self) -> int:
        """Return the number of tokens."""
        return len(self.tokens)

    @property
    def lengths(self) -> tuple[int, int]:
        """The residues of each sequence."""
        chain_a, chain_b = self.chains
        return chain_a.stop - chain_a.start, chain_b.stop - chain_b.start

    @property
    def n_residues(self) -> int:
        """The residues of both sequences."""
        return sum(self.lengths)


def count_joined_tokens(n_residues: int, form: Form) -> int:
    """Return the tokens of two sequences of so many residues in sum."""
    n_between = {"gap": 0, "linker": len(LINKER), "ends": 2, "separators": 2}[form]
    return n_residues + n_between + 2


def list_joined_lengths(lengths: Sequence[int], forms: Sequence[Form]) -> list[int]:
    """Return, for each pair, the residues of a single sequence with as many tokens as the pair has in its longest form.

    Args:
        lengths: residues of both proteins of each pair.
        forms: the forms.
    """
    n_more_tokens = max(count_joined_tokens(0, form) for form in forms) - N_SPECIAL_TOKENS
    return [length + n_more_tokens for length in lengths]


def join_sequences(
    sequences: tuple[str, str], form: Form, *, vocabulary: Vocabulary, filler: int, gap: int = DEFAULT_GAP
) -> JoinedInput:
    """Join two sequences, in their order.

    Args:
        sequences: the sequences, of letters that the model can read.
        form: how they are joined.
        vocabulary: the tokens of the model.
        filler: the token to take before or after the residues, where the model has none.
        gap: positions without letters, in the form `gap`.
    """
    before, after = list(vocabulary.before or (filler,)), list(vocabulary.after or (filler,))
    between = {
        "gap": [],
        "linker": _read_letters(LINKER, vocabulary),
        "ends": [*after, *before],
        "separators": [*after, *after],
    }[form]

    tokens_a, tokens_b = (_read_letters(sequence, vocabulary) for sequence in sequences)
    chain_a = slice(len(before), len(before) + len(tokens_a))
    chain_b = slice(chain_a.stop + len(between), chain_a.stop + len(between) + len(tokens_b))
    ids = np.array([*before, *tokens_a, *between, *tokens_b, *after], np.int64)

    # A filler in place of a begin token has no position, as in `Encoder.make_input`.
    positions = np.maximum(np.arange(len(ids)) - (not vocabulary.before), 0)
    if form == "gap":
        positions[chain_b.start :] += gap
    linker = slice(chain_a.stop, chain_b.start) if form == "linker" else slice(0, 0)
    return JoinedInput(TokenInput(ids, positions), (chain_a, chain_b), linker)


def _read_letters(letters: str, vocabulary: Vocabulary) -> list[int]:
    """Return the tokens of letters, without those around them."""
    ids: list[int] = vocabulary.token_ids(letters).tolist()
    return ids[len(vocabulary.before) : len(vocabulary.before) + len(letters)]
