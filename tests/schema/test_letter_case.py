"""The case in which names are compared, for every code point."""

import pytest

from attlas.schema.letter_case import fold_case

YOUNGER = {
    *(0x1C89, 0xA7CB, 0xA7CC, 0xA7CE, 0xA7D2, 0xA7D4, 0xA7DA, 0xA7DC),
    *range(0x10D50, 0x10D66),
    *range(0x16EA0, 0x16EB9),
}
"""Letters that Unicode 16 and 17 fold, which may be the Python's."""


@pytest.mark.thorough
def test_every_code_point_folds_as_python_folds_it_but_letters_younger_than_unicode_14() -> None:
    code_points = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000 and chr(code) != "\n"]
    text = "\n".join(map(chr, code_points))
    folded, expected = fold_case(text).split("\n"), text.casefold().split("\n")
    differing = {code for code, letters, python in zip(code_points, folded, expected, strict=True) if letters != python}
    assert differing <= YOUNGER
    assert all(folded[i] == chr(code) for i, code in enumerate(code_points) if code in YOUNGER)


def test_letters_that_browsers_fold_otherwise() -> None:
    assert fold_case("ı İ ẞ ς ꭰᏸᎠ") == "ı i̇ ss σ ᎠᏰᎠ"
