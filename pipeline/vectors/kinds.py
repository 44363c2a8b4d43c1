"""The kinds of vectors of a protein, and the tokens over which each is a mean. Pure, over arrays.

The rule is that of protloc-mex-x 0.0.27, the package of ESM2_AMP: `cls` and `eos` are the hidden states of the tokens
around the residues, `mean` is the mean over the residues, and `segment0` to `segment9` are means over ten consecutive
segments. With S, R = divmod(N, 10), the first R segments have S + 1 residues and the others S; of a protein of fewer
than ten residues the last segments have none, and are zeros.

Axis letters: `K` kinds, `N` residues, `T` tokens.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.model.letters import Vocabulary
from attlas.pipeline.segments import N_SEGMENTS, cut_segments
from attlas.schema import EnvironmentFault, InputError

CHOICES = ("cls", "mean", "eos", "segments")
"""What may be asked for; `segments` are ten kinds."""

SEGMENTS = tuple(f"segment{number}" for number in range(N_SEGMENTS))

KINDS = ("cls", "eos", "mean", *SEGMENTS)
"""Every kind, in the order in which the table has them."""


def parse_choices(text: str) -> tuple[str, ...]:
    """Return the choices of a text such as `cls,mean`, each once, in the order of CHOICES.

    Raises:
        InputError: one is unknown, or there is none.
    """
    words = [word.strip() for word in text.split(",")]
    if unknown := [word for word in words if word not in CHOICES]:
        raise InputError(
            "There is no such kind of vector.",
            expected=f"some of {', '.join(CHOICES)}, separated by commas",
            found=", ".join(map(repr, unknown)),
        )
    return tuple(choice for choice in CHOICES if choice in words)


def list_kinds(choices: Sequence[str]) -> tuple[str, ...]:
    """Return the kinds of some choices, in the order of KINDS."""
    names = {kind for choice in choices for kind in (SEGMENTS if choice == "segments" else (choice,))}
    return tuple(kind for kind in KINDS if kind in names)


def refuse_missing_tokens(vocabulary: Vocabulary, choices: Sequence[str]) -> None:
    """Refuse vectors of tokens that a model does not have. Raises EnvironmentFault."""
    if vocabulary.is_of_pieces:
        raise EnvironmentFault(
            "This model has no vector for each residue: its tokens stand for several residues.",
            hint="use ESM-2 or another model that reads residue by residue",
        )

    start_place, *_, end_place = vocabulary.find_places("A")
    places = {"cls": start_place, "eos": end_place}
    if missing := [choice for choice in choices if choice in places and places[choice] is None]:
        raise EnvironmentFault(
            f"This model has no token for {' and '.join(missing)}.",
            expected="a token before the residues for `cls`, and one after them for `eos`",
            found="a model that reads a sequence without it",
            hint="leave it out: --vectors mean,segments",
        )


@lru_cache(maxsize=256)
def make_pooling(kinds: tuple[str, ...], n_residues: int) -> NDArray[np.float32]:
    """Return the weight of each token in each vector, (K, N + 2), of tokens in the order `<cls>`, residues, `<eos>`."""
    weights = np.zeros((len(kinds), n_residues + 2), np.float32)
    tokens = {
        "cls": slice(0, 1),
        "eos": slice(n_residues + 1, n_residues + 2),
        "mean": slice(1, n_residues + 1),
        **dict(zip(SEGMENTS, cut_segments(n_residues), strict=True)),
    }
    for row, kind in enumerate(kinds):
        part = tokens[kind]
        if part.stop > part.start:
            weights[row, part] = 1 / (part.stop - part.start)
    return weights
