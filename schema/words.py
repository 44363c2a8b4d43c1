"""The words of names: how a text is taken apart into them, and under which keys they stand in the index `words`.

Whoever writes the index and whoever searches in it go by these rules.
"""

import re

from attlas.schema.letter_case import fold_case

WORD = re.compile(r"[^\W_]+")
WORD_KEY_LETTERS = 64
"""Letters of a key of the index."""
SEARCHED_LETTERS = 32
"""Letters of a word by which it is searched: a longer word is cut into keys that overlap by so many."""


def split_words(text: str) -> list[str]:
    """Return the words of a text, runs of letters and digits, in lower case (case-folded)."""
    return WORD.findall(fold_case(text))


def word_keys(word: str) -> list[str]:
    """Return the keys of a word: itself, or pieces of a very long one.

    Any `SEARCHED_LETTERS` letters in a row of it stand in one of them.
    """
    if len(word) <= WORD_KEY_LETTERS:
        return [word]
    step = WORD_KEY_LETTERS - SEARCHED_LETTERS
    return [word[start : start + WORD_KEY_LETTERS] for start in range(0, len(word) - SEARCHED_LETTERS, step)]
