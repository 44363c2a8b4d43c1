"""What a model reads for each letter of a protein, held against its own tokenizer. Loads no weights."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attlas.pipeline.model import ModelFiles
from attlas.pipeline.offline import first_line, quiet, transformers
from attlas.pipeline.proteins import STANDARD_LETTERS
from attlas.schema import EnvironmentFault

OTHER_LETTERS = "XBZUOJ"
"""Letters of sequence databases beside the 20 amino acids: unknown, two that stand for either of two, two rare ones
(selenocysteine, pyrrolysine), and leucine or isoleucine."""

READ_AS_X_BY_PROTTRANS = "UZOB"
"""Letters that the models of ProtTrans (Elnaggar et al., IEEE TPAMI 2022) were never trained on, though their
vocabularies have them: their authors replace them by X before training and use."""

PROTTRANS_ARCHITECTURES = ("bert", "albert", "electra")
"""Architectures of ProtTrans that run here: ProtBert, ProtBert-BFD, ProtAlbert, ProtElectra."""


@dataclass(frozen=True)
class Vocabulary:
    """Token ids of a model, by letter."""

    begin: int
    """Token before a sequence, such as <cls>."""
    end: int
    """Token after a sequence, such as <eos>."""
    tokens: Mapping[str, int]
    """Token of each letter that the model can be given."""
    stand_ins: Mapping[str, str | None]
    """Letters without a token of their own: the letter or the token read in place of them; None: there is none."""

    @property
    def unreadable(self) -> str:
        """Return the letters that the model cannot be given at all."""
        return "".join(letter for letter, stand_in in self.stand_ins.items() if stand_in is None)

    @property
    def mapping(self) -> str:
        """Return in words what stands in for which letters, as a run records it: `J as X`; empty where nothing does."""
        pairs = sorted(self.stand_ins.items())
        return ", ".join(f"{letter} as {stand_in or 'nothing (skipped)'}" for letter, stand_in in pairs)

    def reason_to_skip(self, sequence: str) -> str | None:
        """Return why the model cannot be given a sequence, or None where it can."""
        if not self.unreadable:
            return None
        letter = re.search(f"[{self.unreadable}]", sequence)
        if letter is None:
            return None
        return f"this model's vocabulary has no token for {letter[0]}, nor for X: position {letter.start() + 1:,}"

    def token_ids(self, sequence: str) -> Tensor:
        """Return the tokens of a sequence that the model can be given, shape (T,), int64."""
        letters = self._table[np.frombuffer(sequence.encode(), np.uint8)]
        return torch.from_numpy(np.concatenate([[self.begin], letters, [self.end]]))

    @cached_property
    def _table(self) -> NDArray[np.int64]:
        """Token ids by letter code, shape (256,)."""
        table = np.full(256, self.begin, np.int64)
        for letter, token in self.tokens.items():
            table[ord(letter)] = token
        return table


def read_vocabulary(files: ModelFiles) -> Vocabulary:
    """Return the vocabulary of a model, after holding it against what the model's own tokenizer does.

    One of the 20 amino acids without a token is refused. X, B, Z, U, O and J without one are read as X, else as the
    unknown token. Models of ProtTrans read U, Z, O and B as X, though they have tokens for them: no file of theirs
    says so, hence every BERT, ALBERT or ELECTRA whose tokenizer wants its letters separated by blanks is taken for
    one. A model of that form which was trained on those letters is given X for them all the same; the run says so.

    Raises:
        EnvironmentFault: the tokenizer cannot be loaded, lacks a token that is needed, or does not give each residue
            a token of its own.
    """
    tokenizer = _load_tokenizer(files)
    begin, end = _ends(files, tokenizer)
    own = {
        letter: token for letter in STANDARD_LETTERS + OTHER_LETTERS if (token := _token(tokenizer, letter)) is not None
    }
    if lacking := [letter for letter in STANDARD_LETTERS if letter not in own]:
        raise _foreign(
            files,
            expected="a token for each of the 20 amino acids",
            found=f"none for {', '.join(lacking)}; tokens such as {', '.join(_samples(tokenizer))}",
        )
    is_spaced = _refuse_other_tokens(files, tokenizer, own, (begin, end))

    stand_in, token = _stand_in(tokenizer, own)
    as_x = READ_AS_X_BY_PROTTRANS if is_spaced and files.shape.architecture in PROTTRANS_ARCHITECTURES else ""
    replaced = [letter for letter in OTHER_LETTERS if letter not in own or (letter in as_x and "X" in own)]
    tokens = own | ({} if token is None else dict.fromkeys(replaced, token))
    return Vocabulary(begin, end, tokens, dict.fromkeys(replaced, stand_in))


def _load_tokenizer(files: ModelFiles) -> Any:
    with quiet():
        try:
            return transformers.AutoTokenizer.from_pretrained(
                files.directory, local_files_only=True, trust_remote_code=False
            )
        except MemoryError:
            raise
        except Exception as error:  # whatever damaged or foreign files raise on their way through three libraries
            raise EnvironmentFault(
                f"The vocabulary in {files.directory} cannot be read.",
                expected="the tokenizer's files beside the weights, such as vocab.txt and tokenizer_config.json",
                found=first_line(error),
                hint="copy the whole model again, its tokenizer included",
            ) from error


def _ends(files: ModelFiles, tokenizer: Any) -> tuple[int, int]:
    """Return the tokens that begin and end a sequence."""
    begin = tokenizer.cls_token_id
    end = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else tokenizer.sep_token_id
    if begin is None or end is None:
        raise _foreign(
            files,
            expected="a token that begins and one that ends a sequence",
            found=f"begin {begin}, end {end}",
        )
    return int(begin), int(end)


def _token(tokenizer: Any, letter: str) -> int | None:
    """Return the token of a letter, or None where the vocabulary has none."""
    token = tokenizer.convert_tokens_to_ids(letter)
    return None if token is None or token == tokenizer.unk_token_id else int(token)


def _stand_in(tokenizer: Any, own: Mapping[str, int]) -> tuple[str | None, int | None]:
    """Return what is read for letters without a token, by name and token id: X, else the unknown token, else None."""
    if "X" in own:
        return "X", own["X"]
    if tokenizer.unk_token_id is not None:
        return str(tokenizer.unk_token), int(tokenizer.unk_token_id)
    return None, None


def _refuse_other_tokens(files: ModelFiles, tokenizer: Any, own: Mapping[str, int], ends: tuple[int, int]) -> bool:
    """Refuse a tokenizer that does not give one token a residue; tell whether it wants blanks between the letters."""
    letters = "".join(own) * 2 + "".join(own)[::-1]
    expected = [ends[0], *(own[letter] for letter in letters), ends[1]]
    numbers = {}
    for is_spaced, text in ((False, letters), (True, " ".join(letters))):
        try:
            tokens = list(tokenizer(text)["input_ids"])
        except Exception as error:
            raise _foreign(files, expected="a tokenizer that reads letters", found=first_line(error)) from error
        if tokens == expected:
            return is_spaced
        numbers[is_spaced] = len(tokens)
    raise _foreign(
        files,
        expected=f"one token a residue, between two more: {len(expected)} for {len(letters)} residues, each the token "
        "of its letter",
        found=f"{numbers[False]} tokens from its tokenizer, or {numbers[True]} with blanks between the residues"
        + (", of other ids" if len(expected) in numbers.values() else ""),
        hint="use a model that reads single letters, such as ESM-2; a tokenizer that turns capitals into small letters "
        'wants "do_lower_case": false in tokenizer_config.json',
    )


def _samples(tokenizer: Any) -> list[str]:
    return sorted(map(repr, tokenizer.get_vocab()))[:8]


def _foreign(files: ModelFiles, *, expected: str, found: str, hint: str | None = None) -> EnvironmentFault:
    return EnvironmentFault(
        f"The vocabulary of {files.directory} is not that of a protein model.",
        expected=expected,
        found=found,
        hint=hint or "use a model that reads single letters, such as ESM-2",
    )
