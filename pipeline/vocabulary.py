"""A model's vocabulary, held against what its own tokenizer does. Loads no weights."""

from collections.abc import Mapping
from typing import Any

from attlas.pipeline.letters import OTHER_LETTERS, Vocabulary, make_vocabulary
from attlas.pipeline.model import ModelFiles
from attlas.pipeline.offline import first_line, quiet, read_configuration, read_files, transformers
from attlas.pipeline.proteins import STANDARD_LETTERS
from attlas.schema import EnvironmentFault

PROTTRANS_ARCHITECTURES = ("bert", "electra")
"""Architectures of ProtTrans that run here: ProtBert, ProtBert-BFD and ProtElectra."""

MARKS = "▁Ġ#"
"""Beginnings of tokens: at the beginning of a word (SentencePiece, byte-level BPE) or inside of it (WordPiece)."""


def read_vocabulary(files: ModelFiles) -> Vocabulary:
    """Return the vocabulary of a model.

    No file of a ProtTrans model says that it reads U, Z, O and B as X. Every BERT or ELECTRA whose tokenizer
    wants blanks between the letters is therefore taken for one. Where such a model was trained on those letters, it is
    given X for them all the same, and the run says so.

    Raises:
        EnvironmentFault: the tokenizer cannot be loaded, lacks one of the 20 amino acids or a token that begins or ends
            a sequence, or does not give each residue a token of its own.
    """
    tokenizer = _load_tokenizer(files)
    ends = _ends(files, tokenizer)

    tokens = {letter: _token(tokenizer, letter) for letter in STANDARD_LETTERS + OTHER_LETTERS}
    own = {letter: token for letter, token in tokens.items() if token is not None}
    if lacking := [letter for letter in STANDARD_LETTERS if letter not in own]:
        raise _foreign(
            files,
            expected="a token for each of the 20 amino acids",
            found=f"none for {', '.join(lacking)}; its tokens are such as {_samples(tokenizer)}",
        )

    is_spaced = _wants_blanks(files, tokenizer, own, ends)
    unknown = None if tokenizer.unk_token_id is None else (str(tokenizer.unk_token), int(tokenizer.unk_token_id))
    is_of_prottrans = is_spaced and files.shape.architecture in PROTTRANS_ARCHITECTURES
    return make_vocabulary(own, ends=ends, unknown=unknown, is_of_prottrans=is_of_prottrans)


def _load_tokenizer(files: ModelFiles) -> Any:
    return read_files(
        transformers.AutoTokenizer,
        files.directory,
        what="vocabulary",
        expected="the tokenizer's files beside the weights, such as vocab.txt and tokenizer_config.json",
        config=read_configuration(files.directory),
    )


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


def _wants_blanks(files: ModelFiles, tokenizer: Any, own: Mapping[str, int], ends: tuple[int, int]) -> bool:
    """Tell whether a tokenizer wants blanks between the residues, each of which it gives the token of its letter.

    Raises:
        EnvironmentFault: it gives them other tokens, with blanks and without.
    """
    # Every pair of letters, and every token of more letters that the vocabulary has.
    words = _words(tokenizer, own)
    sequence = "".join(left + right for left in own for right in own) + "".join(words)
    expected = [ends[0], *(own[letter] for letter in sequence), ends[1]]
    plain = _tokens(files, tokenizer, sequence)
    if plain == expected:
        return False

    # Where the vocabulary has words or pieces of words, it was not made for single letters with blanks between them.
    spaced = _tokens(files, tokenizer, " ".join(sequence))
    if spaced == expected and not words:
        return True

    with_blanks = "other tokens" if len(spaced) == len(expected) else f"{len(spaced):,} tokens"
    raise _foreign(
        files,
        expected=f"one token a residue, that of its letter: {len(expected):,} for {len(sequence):,} residues and ends",
        found=f"{len(plain):,} tokens from its tokenizer, and {with_blanks} with blanks between the residues",
        hint="use a model that reads single letters, such as ESM-2; a tokenizer that turns capitals into small letters "
        'wants "do_lower_case": false in tokenizer_config.json',
    )


def _words(tokenizer: Any, own: Mapping[str, int]) -> list[str]:
    """Return the letters of the tokens that are no single letter of a protein: words, and pieces such as `##A`."""
    letters = {token: token.lstrip(MARKS) for token in tokenizer.get_vocab() if token not in own}
    return sorted({word for word in letters.values() if word and set(word) <= own.keys()})


def _tokens(files: ModelFiles, tokenizer: Any, text: str) -> list[int]:
    with quiet():
        try:
            return [int(token) for token in tokenizer(text)["input_ids"]]
        except Exception as error:  # of whichever library the tokenizer is written in
            raise _foreign(files, expected="a tokenizer that reads letters", found=first_line(error)) from error


def _samples(tokenizer: Any) -> str:
    tokens = set(tokenizer.get_vocab()) - set(tokenizer.all_special_tokens)
    return ", ".join(sorted(tokens, key=lambda token: (-len(token), token))[:5])[:100]


def _foreign(files: ModelFiles, *, expected: str, found: str, hint: str | None = None) -> EnvironmentFault:
    return EnvironmentFault(
        f"The vocabulary of {files.directory} is not that of a protein model.",
        expected=expected,
        found=found,
        hint=hint or "use a model that reads single letters, such as ESM-2",
    )
