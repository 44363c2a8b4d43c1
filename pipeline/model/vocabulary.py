"""The vocabulary of a model, compared with its own tokenizer. Loads no weights."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from attlas.pipeline.model.files import ModelFiles
from attlas.pipeline.model.letters import OTHER_LETTERS, Vocabulary, make_vocabulary
from attlas.pipeline.model.offline import quiet, read_configuration, read_files, transformers
from attlas.pipeline.model.pieces import Pieces, PieceVocabulary
from attlas.pipeline.proteins.records import STANDARD_LETTERS
from attlas.schema import EnvironmentFault
from attlas.schema.errors import first_line

PROTTRANS_ARCHITECTURES = ("bert", "electra", "albert", "xlnet", "t5")
"""Architectures of the ProtTrans models: ProtBert, ProtBert-BFD, ProtElectra, ProtAlbert, ProtXLNet and ProtT5."""

MARKS = "▁Ġ#"
"""Beginnings of tokens: at the beginning of a word (SentencePiece, byte-level BPE) or inside of it (WordPiece)."""

SPELLINGS: tuple[Callable[[str], str], ...] = (lambda letter: letter, lambda letter: f"▁{letter}", str.lower)
"""The tokens by which vocabularies spell a letter: itself; as a word of SentencePiece; as a small letter."""


@dataclass(frozen=True)
class LetterTokens:
    """The tokens that a tokenizer gives to letters, and those that it puts around them."""

    tokens: Mapping[str, int]
    before: tuple[int, ...]
    after: tuple[int, ...]
    is_spaced: bool
    """Whether it needs blanks between the letters."""


def read_vocabulary(files: ModelFiles) -> Vocabulary:
    """Return the vocabulary of a model.

    No file of a ProtTrans model says that it reads U, Z, O and B as X. Every model of a ProtTrans architecture whose
    tokenizer needs blanks between the letters is therefore treated as a ProtTrans model. If such a model was trained on
    those letters, it reads X for them nevertheless; the run records it.

    Raises:
        EnvironmentFault: the tokenizer cannot be loaded, draws its tokens at random, lacks one of the 20 amino acids,
            does not give each residue a token of its own, or puts other tokens around a sequence than one before and
            one after it.
    """
    tokenizer = _load_tokenizer(files)
    _refuse_dropout(files, tokenizer)
    pieces = find_pieces(tokenizer)
    if pieces is not None:
        return pieces
    letters = _find_letter_tokens(files, tokenizer)
    _refuse_other_ends(files, tokenizer, letters)

    unknown = None if tokenizer.unk_token_id is None else (str(tokenizer.unk_token), int(tokenizer.unk_token_id))
    return make_vocabulary(
        letters.tokens,
        before=letters.before,
        after=letters.after,
        unknown=unknown,
        is_of_prottrans=letters.is_spaced and files.shape.architecture in PROTTRANS_ARCHITECTURES,
    )


def find_pieces(tokenizer: Any) -> PieceVocabulary | None:
    """Return the vocabulary of a tokenizer that cuts a sequence into tokens of several residues, None for any other.

    Where tokens are marked as the beginning of a word or as the rest of one (SentencePiece, WordPiece), the files do
    not tell whether sequences were cut or had blanks between the letters: such a tokenizer is none of these.
    """
    letters = _spell_letters(tokenizer, str)
    if not tokenizer.is_fast or not set(STANDARD_LETTERS) <= letters.keys():
        return None

    tokens = {token for token in tokenizer.get_vocab() if len(token) > 1 and set(token.lstrip(MARKS)) <= letters.keys()}
    words = tokens - set(tokenizer.all_special_tokens)
    if not words or any(word.lstrip(MARKS) != word for word in words):
        return None

    # The trial holds special tokens spelled in letters, too: where the tokenizer reads them, `_cut` raises.
    try:
        encoding = _read_pieces(tokenizer, trial := _make_trial(letters, sorted(tokens)))
        cut = partial(_cut, tokenizer)
        is_cut = max(cut(trial).n_residues) > 1
    except EnvironmentFault:
        return None
    if not is_cut or len(encoding.before) > 1 or len(encoding.after) > 1:
        return None

    stand_in = "X" if "X" in letters else None
    stand_ins = {letter: stand_in for letter in OTHER_LETTERS if letter not in letters}
    longest = max(map(len, words))
    return PieceVocabulary(encoding.before, encoding.after, letters, stand_ins, cut=cut, longest=longest)


@dataclass(frozen=True)
class _Encoding:
    """What a tokenizer makes of a sequence: the tokens around it, and of each other token its id and its place."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    tokens: list[int]
    places: list[tuple[int, int]]


def _read_pieces(tokenizer: Any, sequence: str) -> _Encoding:
    """Return the tokens that a tokenizer makes of a sequence. Raises EnvironmentFault where it fails."""
    with quiet():
        try:
            encoding = tokenizer(sequence, return_offsets_mapping=True, return_special_tokens_mask=True)
        except Exception as error:  # of the library tokenizers, which raises bare exceptions
            raise EnvironmentFault(
                "The tokenizer of this model cannot read a sequence.",
                expected=f"tokens for {len(sequence):,} residues",
                found=first_line(error),
                hint="use a model that reads single letters, such as ESM-2",
            ) from error

    ids, is_special = [int(token) for token in encoding["input_ids"]], encoding["special_tokens_mask"]
    inner = [i for i, special in enumerate(is_special) if not special]
    begin, end = (inner[0], inner[-1] + 1) if inner else (0, 0)
    places = [tuple(encoding["offset_mapping"][i]) for i in range(begin, end)]
    return _Encoding(tuple(ids[:begin]), tuple(ids[end:]), ids[begin:end], places)


def _cut(tokenizer: Any, sequence: str) -> Pieces:
    """Return the tokens of a sequence. Raises EnvironmentFault where they do not make it up, residue after residue."""
    encoding = _read_pieces(tokenizer, sequence)
    ends = [0, *(end for _, end in encoding.places)]
    is_whole = [begin for begin, _ in encoding.places] == ends[:-1] and ends[-1] == len(sequence)
    n_residues = [end - begin for begin, end in encoding.places]
    has_special = not set(encoding.tokens).isdisjoint(tokenizer.all_special_ids)  # the unknown token is one

    if not is_whole or min(n_residues, default=0) < 1 or has_special:
        raise EnvironmentFault(
            "The tokens of a sequence do not make it up.",
            expected="every residue in one token, and none of them unknown or special",
            found=f"{len(encoding.tokens):,} tokens for {len(sequence):,} residues",
            hint="use a model that reads single letters, such as ESM-2",
        )

    return Pieces(encoding.tokens, n_residues)


def _load_tokenizer(files: ModelFiles) -> Any:
    return read_files(
        transformers.AutoTokenizer,
        files.directory,
        what="vocabulary",
        expected="the tokenizer's files beside the weights, such as vocab.txt and tokenizer_config.json",
        config=read_configuration(files.directory),
    )


def _refuse_dropout(files: ModelFiles, tokenizer: Any) -> None:
    """Refuse a byte-pair encoding that leaves out merges at random, as in training. Raises EnvironmentFault."""
    dropout = getattr(tokenizer.backend_tokenizer.model, "dropout", None) if tokenizer.is_fast else None
    if dropout:
        raise EnvironmentFault(
            f"The tokenizer of {files.directory} draws its tokens at random.",
            expected="the same tokens for a sequence at every call",
            found=f"dropout {dropout:g} of its byte-pair encoding",
            hint='set "dropout" to null in tokenizer.json, as for inference',
        )


def _find_letter_tokens(files: ModelFiles, tokenizer: Any) -> LetterTokens:
    """Return the tokens of all letters in the first spelling in which the tokenizer gives each letter its own.

    Raises:
        EnvironmentFault: there is no such spelling.
    """
    spelled = [_spell_letters(tokenizer, spelling) for spelling in SPELLINGS]
    complete = [tokens for tokens in spelled if set(STANDARD_LETTERS) <= tokens.keys()]
    if not complete:
        fullest = max(spelled, key=lambda tokens: len(tokens.keys() & set(STANDARD_LETTERS)))
        lacking = [letter for letter in STANDARD_LETTERS if letter not in fullest]
        raise _foreign_vocabulary(
            files,
            expected="a token for each of the 20 amino acids",
            found=f"none for {', '.join(lacking)}; its tokens are such as {_list_samples(tokenizer)}",
        )

    for tokens in complete:
        for is_spaced in (False, True):
            ends = _match_tokens(files, tokenizer, tokens, is_spaced=is_spaced)
            if ends is not None:
                return LetterTokens(tokens, *ends, is_spaced)
    raise _no_single_letters(files, tokenizer, complete[0])


def _spell_letters(tokenizer: Any, spelling: Callable[[str], str]) -> dict[str, int]:
    """Return the token of each letter that the vocabulary has in a spelling."""
    tokens = {letter: _find_token(tokenizer, spelling(letter)) for letter in STANDARD_LETTERS + OTHER_LETTERS}
    return {letter: token for letter, token in tokens.items() if token is not None}


def _find_token(tokenizer: Any, text: str) -> int | None:
    """Return the token that is spelled so, or None where the vocabulary has none."""
    token = tokenizer.convert_tokens_to_ids(text)
    return None if token is None or token == tokenizer.unk_token_id else int(token)


def _match_tokens(
    files: ModelFiles, tokenizer: Any, tokens: Mapping[str, int], *, is_spaced: bool
) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Return the tokens before and after a sequence, None where a tokenizer gives its letters other tokens.

    Where the vocabulary has words or pieces of words, it was not made for single letters with blanks between them.
    """
    words = _find_words(tokenizer, tokens)
    if is_spaced and words:
        return None

    letters = _make_trial(tokens, words)
    ids = _tokenize(files, tokenizer, " ".join(letters) if is_spaced else letters)
    expected = [tokens[letter] for letter in letters]
    begins = (i for i in range(len(ids) - len(expected) + 1) if ids[i : i + len(expected)] == expected)
    begin = next(begins, None)
    return None if begin is None else (tuple(ids[:begin]), tuple(ids[begin + len(expected) :]))


def _make_trial(tokens: Mapping[str, int], words: Sequence[str]) -> str:
    """Return letters to try a tokenizer with: every pair of letters, and every token of more letters that it has."""
    return "".join(letter + following for letter in tokens for following in tokens) + "".join(words)


def _refuse_other_ends(files: ModelFiles, tokenizer: Any, letters: LetterTokens) -> None:
    """Refuse a tokenizer that puts unknown tokens around a sequence. Raises EnvironmentFault."""
    is_usual = len(letters.before) <= 1 and len(letters.after) <= 1
    is_of_xlnet = not letters.before and letters.after == (tokenizer.sep_token_id, tokenizer.cls_token_id)
    if not (is_usual or is_of_xlnet):
        raise _foreign_vocabulary(
            files,
            expected="at most one token before a sequence and one after it, or <sep> and <cls> after it",
            found=f"{len(letters.before)} before and {len(letters.after)} after",
        )


def _no_single_letters(files: ModelFiles, tokenizer: Any, tokens: Mapping[str, int]) -> EnvironmentFault:
    """Return the error for a tokenizer that gives letters other tokens than theirs, with blanks and without."""
    letters = _make_trial(tokens, _find_words(tokenizer, tokens))
    n_plain, n_spaced = (len(_tokenize(files, tokenizer, text)) for text in (letters, " ".join(letters)))
    return _foreign_vocabulary(
        files,
        expected=f"one token a residue, that of its letter: {len(letters):,} for {len(letters):,} residues, besides "
        "those of the ends",
        found=f"{n_plain:,} tokens from its tokenizer, and {n_spaced:,} with blanks between the residues, or others",
        hint="use a model that reads single letters, such as ESM-2; a tokenizer that turns capitals into small letters "
        'needs "do_lower_case": false in tokenizer_config.json',
    )


def _find_words(tokenizer: Any, letter_tokens: Mapping[str, int]) -> list[str]:
    """Return the letters of all tokens that are no single letter of a protein: words, and pieces such as `##A`."""
    is_lower = letter_tokens["A"] == _find_token(tokenizer, "a")
    spelled = {spelling(letter) for spelling in SPELLINGS for letter in letter_tokens}
    vocabulary = set(tokenizer.get_vocab()) - set(tokenizer.all_special_tokens)
    words = {token.lstrip(MARKS) for token in vocabulary if token not in spelled}
    capitals = {word.upper() for word in words if word.islower()} if is_lower else words
    return sorted(word for word in capitals if word and set(word) <= letter_tokens.keys())


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
