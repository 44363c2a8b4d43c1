"""The vocabulary of a model, compared with its own tokenizer. Loads no weights."""

from collections.abc import Mapping
from typing import Any

from attlas.pipeline.letters import OTHER_LETTERS, Vocabulary, make_vocabulary
from attlas.pipeline.model import ModelFiles
from attlas.pipeline.offline import quiet, read_configuration, read_files, transformers
from attlas.pipeline.proteins import STANDARD_LETTERS
from attlas.schema import EnvironmentFault
from attlas.schema.errors import first_line

PROTTRANS_ARCHITECTURES = ("bert", "electra")
"""Architectures of the ProtTrans models that run here: ProtBert, ProtBert-BFD and ProtElectra."""

MARKS = "▁Ġ#"
"""Beginnings of tokens: at the beginning of a word (SentencePiece, byte-level BPE) or inside of it (WordPiece)."""


def read_vocabulary(files: ModelFiles) -> Vocabulary:
    """Return the vocabulary of a model.

    No file of a ProtTrans model says that it reads U, Z, O and B as X. Every BERT or ELECTRA whose tokenizer needs
    blanks between the letters is therefore treated as a ProtTrans model. If such a model was trained on those letters,
    it reads X for them nevertheless; the run records it.

    Raises:
        EnvironmentFault: the tokenizer cannot be loaded, lacks one of the 20 amino acids or a token that begins or ends
            a sequence, or does not give each residue a token of its own.
    """
    tokenizer = _load_tokenizer(files)
    ends = _find_ends(files, tokenizer)

    candidates = {letter: _find_token(tokenizer, letter) for letter in STANDARD_LETTERS + OTHER_LETTERS}
    tokens = {letter: token for letter, token in candidates.items() if token is not None}
    if lacking := [letter for letter in STANDARD_LETTERS if letter not in tokens]:
        raise _foreign_vocabulary(
            files,
            expected="a token for each of the 20 amino acids",
            found=f"none for {', '.join(lacking)}; its tokens are such as {_list_samples(tokenizer)}",
        )

    is_spaced = _needs_blanks(files, tokenizer, tokens, ends)
    unknown = None if tokenizer.unk_token_id is None else (str(tokenizer.unk_token), int(tokenizer.unk_token_id))
    is_of_prottrans = is_spaced and files.shape.architecture in PROTTRANS_ARCHITECTURES
    return make_vocabulary(tokens, ends=ends, unknown=unknown, is_of_prottrans=is_of_prottrans)


def _load_tokenizer(files: ModelFiles) -> Any:
    return read_files(
        transformers.AutoTokenizer,
        files.directory,
        what="vocabulary",
        expected="the tokenizer's files beside the weights, such as vocab.txt and tokenizer_config.json",
        config=read_configuration(files.directory),
    )


def _find_ends(files: ModelFiles, tokenizer: Any) -> tuple[int, int]:
    """Return the tokens that begin and end a sequence."""
    begin = tokenizer.cls_token_id
    end = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else tokenizer.sep_token_id
    if begin is None or end is None:
        raise _foreign_vocabulary(
            files,
            expected="a token that begins and one that ends a sequence",
            found=f"begin {begin}, end {end}",
        )
    return int(begin), int(end)


def _find_token(tokenizer: Any, letter: str) -> int | None:
    """Return the token of a letter, or None where the vocabulary has none."""
    token = tokenizer.convert_tokens_to_ids(letter)
    return None if token is None or token == tokenizer.unk_token_id else int(token)


def _needs_blanks(files: ModelFiles, tokenizer: Any, tokens: Mapping[str, int], ends: tuple[int, int]) -> bool:
    """Return whether a tokenizer needs blanks between the residues to give each the token of its letter.

    Raises:
        EnvironmentFault: it gives residues other tokens, with blanks and without.
    """
    # Every pair of letters, and every token of more letters that the vocabulary has.
    words = _find_words(tokenizer, tokens)
    sequence = "".join(letter + following for letter in tokens for following in tokens) + "".join(words)
    expected = [ends[0], *(tokens[letter] for letter in sequence), ends[1]]
    plain = _tokenize(files, tokenizer, sequence)
    if plain == expected:
        return False

    # Where the vocabulary has words or pieces of words, it was not made for single letters with blanks between them.
    spaced = _tokenize(files, tokenizer, " ".join(sequence))
    if spaced == expected and not words:
        return True

    with_blanks = "other tokens" if len(spaced) == len(expected) else f"{len(spaced):,} tokens"
    raise _foreign_vocabulary(
        files,
        expected=f"one token a residue, that of its letter: {len(expected):,} for {len(sequence):,} residues and ends",
        found=f"{len(plain):,} tokens from its tokenizer, and {with_blanks} with blanks between the residues",
        hint="use a model that reads single letters, such as ESM-2; a tokenizer that turns capitals into small letters "
        'needs "do_lower_case": false in tokenizer_config.json',
    )


def _find_words(tokenizer: Any, letter_tokens: Mapping[str, int]) -> list[str]:
    """Return the letters of all tokens that are no single letter of a protein: words, and pieces such as `##A`."""
    letters = {token: token.lstrip(MARKS) for token in tokenizer.get_vocab() if token not in letter_tokens}
    return sorted({word for word in letters.values() if word and set(word) <= letter_tokens.keys()})


def _tokenize(files: ModelFiles, tokenizer: Any, text: str) -> list[int]:
    """Return the tokens of a text. Raises EnvironmentFault."""
    with quiet():
        try:
            return [int(token) for token in tokenizer(text)["input_ids"]]
        except Exception as error:  # of whichever library the tokenizer is written in
            raise _foreign_vocabulary(
                files, expected="a tokenizer that reads letters", found=first_line(error)
            ) from error


def _list_samples(tokenizer: Any) -> str:
    tokens = set(tokenizer.get_vocab()) - set(tokenizer.all_special_tokens)
    return ", ".join(sorted(tokens, key=lambda token: (-len(token), token))[:5])[:100]


def _foreign_vocabulary(files: ModelFiles, *, expected: str, found: str, hint: str | None = None) -> EnvironmentFault:
    return EnvironmentFault(
        f"The vocabulary of {files.directory} is not that of a protein model.",
        expected=expected,
        found=found,
        hint=hint or "use a model that reads single letters, such as ESM-2",
    )
