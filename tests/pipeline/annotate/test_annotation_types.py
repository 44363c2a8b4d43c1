"""Every spelling of a type of features is one word, and no two types share one."""

import re

from attlas.pipeline.annotate.types import _SPELLINGS, type_word


def test_every_spelling_of_a_type_is_one_word() -> None:
    for spellings in _SPELLINGS:
        assert {type_word(spelling) for spelling in spellings} == {spellings[0]}
    for text in ("ACT_SITE", "active site", "Active site", "active_site", "  Active-Site "):
        assert type_word(text) == "Active site"
    assert type_word("my own  label") == "my own label"


def test_two_types_never_share_a_spelling() -> None:
    keys = [re.sub(r"[-_ ]+", " ", text).casefold() for spellings in _SPELLINGS for text in set(spellings)]
    words = [type_word(key) for key in keys]
    assert len({(key, word) for key, word in zip(keys, words, strict=True)}) == len(set(keys))
    assert len({spellings[0] for spellings in _SPELLINGS}) == len(_SPELLINGS)
