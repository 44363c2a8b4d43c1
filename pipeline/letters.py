"""What a model reads for each letter of a protein, and for letters that it has no token for. Loads nothing."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.proteins import STANDARD_LETTERS

OTHER_LETTERS = "XBZUOJ"
"""Letters of sequence databases beside the 20 amino acids: unknown; aspartate or asparagine; glutamate or glutamine;
selenocysteine; pyrrolysine; leucine or isoleucine."""

READ_AS_X_BY_PROTTRANS = "UZOB"
"""Letters that the models of ProtTrans (Elnaggar et al., IEEE TPAMI 2022) never saw, though their vocabularies have
them: their authors replace them by X before training and use."""

ESM2_TOKENS = ("<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO.-", "<null_1>", "<mask>")
"""The vocabulary of every published ESM-2, in order of token id."""


@dataclass(frozen=True)
class Vocabulary:
    """What a model reads for each letter."""

    begin: int
    """Token before a sequence, such as <cls>."""
    end: int
    """Token after a sequence, such as <eos>."""
    tokens: Mapping[str, int]
    """Token of each letter that the model can be given."""
    stand_ins: Mapping[str, str | None]
    """Letters that the model is not given as they are: the letter or token read in their place; None: there is none."""

    @property
    def unreadable(self) -> str:
        """Return the letters that the model cannot be given at all."""
        return "".join(letter for letter, stand_in in self.stand_ins.items() if stand_in is None)

    @property
    def mapping(self) -> str:
        """Return what stands in for which letters, as a run records it: `J as X`; empty where nothing does."""
        pairs = sorted(self.stand_ins.items())
        return ", ".join(f"{letter} as {stand_in or 'nothing (skipped)'}" for letter, stand_in in pairs)

    def reason_to_skip(self, sequence: str) -> str | None:
        """Return why the model cannot be given a sequence, or None where it can."""
        letter = re.search(f"[{self.unreadable}]", sequence) if self.unreadable else None
        if letter is None:
            return None
        return f"this model has no token for {letter[0]} (position {letter.start() + 1:,}), nor for unknown residues"

    def token_ids(self, sequence: str) -> NDArray[np.int64]:
        """Return the tokens of a sequence that the model can be given, shape (T,)."""
        letters = self._table[np.frombuffer(sequence.encode(), np.uint8)]
        return np.concatenate([[self.begin], letters, [self.end]])

    @cached_property
    def _table(self) -> NDArray[np.int64]:
        """Token ids by letter code, shape (256,)."""
        table = np.full(256, self.begin, np.int64)
        for letter, token in self.tokens.items():
            table[ord(letter)] = token
        return table


def make_vocabulary(
    own: Mapping[str, int], *, ends: tuple[int, int], unknown: tuple[str, int] | None, is_of_prottrans: bool = False
) -> Vocabulary:
    """Return a vocabulary from a model's own tokens.

    X, B, Z, U, O and J without a token are read as X, else as the unknown token, else not at all. Models of ProtTrans
    read U, Z, O and B as X in any case.

    Args:
        own: the token of each letter that has one; the 20 amino acids must be among them.
        ends: the tokens that begin and end a sequence.
        unknown: name and id of the token for what is not in the vocabulary.
        is_of_prottrans: whether the model is one of ProtTrans.
    """
    stand_in = ("X", own["X"]) if "X" in own else unknown
    untrained = READ_AS_X_BY_PROTTRANS if is_of_prottrans and "X" in own else ""
    replaced = [letter for letter in OTHER_LETTERS if letter not in own or letter in untrained]
    if stand_in is None:
        return Vocabulary(*ends, own, dict.fromkeys(replaced))
    name, token = stand_in
    return Vocabulary(*ends, {**own, **dict.fromkeys(replaced, token)}, dict.fromkeys(replaced, name))


def _esm2_vocabulary() -> Vocabulary:
    ids = {token: i for i, token in enumerate(ESM2_TOKENS)}
    own = {letter: ids[letter] for letter in STANDARD_LETTERS + OTHER_LETTERS if letter in ids}
    return make_vocabulary(own, ends=(ids["<cls>"], ids["<eos>"]), unknown=("<unk>", ids["<unk>"]))


ESM2_VOCABULARY = _esm2_vocabulary()
"""What every published ESM-2 reads."""


def has_esm2_vocabulary(directory: Path) -> bool:
    """Tell whether a model's files are those of ESM-2's tokenizer, so that a plan need not import transformers.

    What a model really reads is held against its own tokenizer when it is loaded (`vocabulary`).
    """
    try:
        tokens = (directory / "vocab.txt").read_text().split()
        tokenizer = json.loads((directory / "tokenizer_config.json").read_text())["tokenizer_class"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    others = ("tokenizer.json", "added_tokens.json")
    is_alone = not any((directory / name).exists() for name in others)
    return is_alone and tokenizer == "EsmTokenizer" and tuple(tokens) == ESM2_TOKENS
