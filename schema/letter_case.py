"""The case in which names are compared: Unicode's case folding, of the letters that it had in version 14.

Letters that come to Unicode later are left as they are. So an index that one version of Python wrote is read alike by
every other, and by browsers, which know other versions.
"""

import re

FOLDED_LETTERS = (
    "41-130 132-376 37f 386-38a 38c 38e-3a1 3a3-52e 531-556 587 10a0-10c5 10c7 10cd 13f8-13fd 1c80-1c88 1c90-1cba "
    "1cbd-1cbf 1e00-1f0f 1f18-1f1d 1f28-1f3f 1f48-1f4d 1f50-1f56 1f59 1f5b 1f5d 1f5f-1f6f 1f80-1fb4 1fb6-1fc4 "
    "1fc6-1fd3 1fd6-1fdb 1fe2-1fec 1ff2-1ff4 1ff6-1ffc 2126-2183 24b6-24cf 2c00-2cf2 a640-a69a a722-a7c9 a7d0 "
    "a7d6-a7d8 a7f5 ab70-abbf fb00-fb06 fb13-fb17 ff21-ff3a 10400-10427 104b0-104d3 10570-1057a 1057c-1058a "
    "1058c-10592 10594-10595 10c80-10cb2 118a0-118bf 16e40-16e5f 1e900-1e921"
)
"""Ranges of code points that are folded, hexadecimal; what else stands in them does not change when it is folded."""

_FOLDED = re.compile(
    "[" + re.sub(r"\w+", lambda number: f"\\U{int(number[0], 16):08x}", FOLDED_LETTERS).replace(" ", "") + "]+"
)


def fold_case(text: str) -> str:
    """Return a text in the case in which names are compared, as pages of releases make it (`release/words.js`)."""
    return text.lower() if text.isascii() else _FOLDED.sub(lambda letters: letters[0].casefold(), text)
