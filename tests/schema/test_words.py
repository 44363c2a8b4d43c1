"""Keys of words: any letters in a row of a very long word stand in one of them."""

from hypothesis import given, settings
from hypothesis import strategies as st

from attlas.schema.words import SEARCHED_LETTERS, WORD_KEY_LETTERS, word_keys


@settings(max_examples=40, deadline=None)
@given(st.text("abc", min_size=1, max_size=300), st.data())
def test_any_letters_in_a_row_of_a_very_long_word_stand_in_one_of_its_keys(word: str, data: st.DataObject) -> None:
    keys = word_keys(word)
    assert all(len(key) <= WORD_KEY_LETTERS for key in keys)
    start = data.draw(st.integers(0, max(len(word) - SEARCHED_LETTERS, 0)))
    part = word[start : start + SEARCHED_LETTERS]
    assert any(part in key for key in keys)
    assert keys[0].startswith(word[:SEARCHED_LETTERS])
