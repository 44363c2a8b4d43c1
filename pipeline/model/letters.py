"""The tokens that a model reads for the letters of a protein, also for letters without a token. Loads nothing."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attlas.pipeline.proteins.records import STANDARD_LETTERS

OTHER_LETTERS = "XBZUOJ"
"""Letters of sequence databases besides the 20 amino acids: unknown; aspartate or asparagine; glutamate or glutamine;
selenocysteine; pyrrolysine; leucine or isoleucine."""

READ_AS_X_BY_PROTTRANS = "UZOB"
"""Letters that the models of ProtTrans (Elnaggar et al., IEEE TPAMI 2022) never saw, though their vocabularies have
them: their authors replace them by X before training and use."""

ESM2_TOKENS = ("<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO.-", "<null_1>", "<mask>")
"""The vocabulary of every published ESM-2, in order of token id."""


@dataclass(frozen=True)
class Vocabulary:
    """The token that a model reads for each letter."""

    before: tuple[int, ...]
    """Tokens before the residues: one such as <cls>, or none, as in T5."""
    after: tuple[int, ...]
    """Tokens after the residues: one such as <eos>, or none; in XLNet <sep> and then <cls>."""
    tokens: Mapping[str, int]
    """Token of each letter that the model can read."""
    stand_ins: Mapping[str, str | None]
    """The letter or token that the model reads in place of a letter; None: there is none, and it cannot be read."""

    @property
    def unreadable(self) -> str:
        """Return the letters that the model cannot read at all."""
        return "".join(letter for letter, stand_in in self.stand_ins.items() if stand_in is None)

    @property
    def mapping(self) -> str:
        """Return the letters that are read as others, as a run records them: `J as X`; empty where there are none."""
        pairs = sorted(self.stand_ins.items())
        return ", ".join(f"{letter} as {stand_in or 'nothing (skipped)'}" for letter, stand_in in pairs)

    def reason_to_skip(self, sequence: str) -> str | None:
        """Return the reason for which the model cannot read a sequence, None where it can."""
        letter = re.search(f"[{self.unreadable}]", sequence) if self.unreadable else None
        if letter is None:
            return None
        place = f"{letter[0]} (position {letter.start() + 1:,})"
        return f"this model has no token for {place}, nor for {self.last_stand_in}"

    @property
    def last_stand_in(self) -> str:
        """Return the last stand-in for a letter without a token, in the words of a reason to skip."""
        return "unknown residues"

    def token_ids(self, sequence: str) -> NDArray[np.int64]:
        """Return the tokens of a sequence that the model can read, in the model's own order."""
        letters = self._table[np.frombuffer(sequence.encode(), np.uint8)]
        return np.concatenate([self.before, letters, self.after]).astype(np.int64)

    def framed_ids(self, sequence: str, *, filler: int) -> NDArray[np.int64]:
        """Return the tokens of a sequence between two others, shape (T,): `filler` where the model has none there."""
        letters = self._table[np.frombuffer(sequence.encode(), np.uint8)]
        return np.concatenate([self.before or (filler,), letters, self.after or (filler,)]).astype(np.int64)

    @property
    def has_both_ends(self) -> bool:
        """There is a token before the residues, and one after them."""
        return bool(self.before) and bool(self.after)

    @property
    def is_of_pieces(self) -> bool:
        """Return whether a token may stand for several residues, see `pieces`."""
        return False

    def count_tokens(self, sequence: str) -> int:
        """Return the number of tokens of a sequence, without those around it."""
        return len(sequence)

    def find_places(self, sequence: str) -> list[int | None]:
        """Return, for <cls>, each residue and <eos>, its place among the model's tokens; None where it has no such one.

        In XLNet, whose two last tokens are <sep> and <cls>, <sep> counts as <eos>.
        """
        begin = len(self.before)
        end = begin + len(sequence)
        cls = 0 if self.before else end + 1 if len(self.after) == 2 else None
        return [cls, *range(begin, end), end if self.after else None]

    @cached_property
    def _table(self) -> NDArray[np.int64]:
        """The token of each letter code, shape (256,)."""
        table = np.zeros(256, np.int64)
        for letter, token in self.tokens.items():
            table[ord(letter)] = token
        return table


def make_vocabulary(
    tokens: Mapping[str, int],
    *,
    before: tuple[int, ...],
    after: tuple[int, ...],
    unknown: tuple[str, int] | None,
    is_of_prottrans: bool = False,
) -> Vocabulary:
    """Make a vocabulary from the tokens of a model.

    X, B, Z, U, O and J without a token are read as X, else as the unknown token, else not at all. Models of ProtTrans
    read U, Z, O and B as X in any case.

    Args:
        tokens: the token of each letter that has one; the 20 amino acids must be among them.
        before: the tokens that begin a sequence.
        after: the tokens that end it.
        unknown: name and id of the token for letters that are not in the vocabulary.
        is_of_prottrans: whether the model is one of ProtTrans.
    """
    stand_in = ("X", tokens["X"]) if "X" in tokens else unknown
    untrained = READ_AS_X_BY_PROTTRANS if is_of_prottrans and "X" in tokens else ""
    replaced = [letter for letter in OTHER_LETTERS if letter not in tokens or letter in untrained]
    if stand_in is None:
        return Vocabulary(before, after, tokens, dict.fromkeys(replaced))

    name, token = stand_in
    return Vocabulary(before, after, {**tokens, **dict.fromkeys(replaced, token)}, dict.fromkeys(replaced, name))


def _make_esm2_vocabulary() -> Vocabulary:
    ids = {token: i for i, token in enumerate(ESM2_TOKENS)}
    tokens = {letter: ids[letter] for letter in STANDARD_LETTERS + OTHER_LETTERS if letter in ids}
    return make_vocabulary(tokens, before=(ids["<cls>"],), after=(ids["<eos>"],), unknown=("<unk>", ids["<unk>"]))


ESM2_VOCABULARY = _make_esm2_vocabulary()
"""The vocabulary of every published ESM-2."""


def has_esm2_vocabulary(directory: Path) -> bool:
    """Return whether a model has the tokenizer files of ESM-2, so that a plan does not have to import transformers.

    When a model is loaded, its vocabulary is compared with its own tokenizer (`vocabulary`).
    """
    try:
        tokens = (directory / "vocab.txt").read_text().split()
        tokenizer = json.loads((directory / "tokenizer_config.json").read_text())["tokenizer_class"]
    except (OSError, ValueError, KeyError, TypeError):
        return False

    # Files by which a tokenizer would read other tokens than those of vocab.txt.
    has_more_files = any((directory / name).exists() for name in ("tokenizer.json", "added_tokens.json"))
    return not has_more_files and tokenizer == "EsmTokenizer" and tuple(tokens) == ESM2_TOKENS
