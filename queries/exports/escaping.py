"""Texts for a format that has no escapes of its own: percent-encoded, so that `unquote` gives them back."""

import re
from urllib.parse import quote

_HEX = re.compile(r"[0-9A-Fa-f]{2}")


def percent_encode(text: str, *, also: str = "", is_ascii: bool = False) -> str:
    """Return a text with control and invisible characters, and those of `also`, percent-encoded.

    `%` is encoded only where it would be read as the beginning of a code, so `50%` stays as it is, and
    `urllib.parse.unquote` of the result is the text. With `is_ascii` whatever is not ASCII is encoded as well.
    """
    return "".join(
        quote(letter, safe="") if _is_encoded(letter, text[at + 1 : at + 3], also, is_ascii) else letter
        for at, letter in enumerate(text)
    )


def _is_encoded(letter: str, after: str, also: str, is_ascii: bool) -> bool:
    if letter == "%":
        return "%" in also or _HEX.fullmatch(after) is not None
    # `quote` leaves unreserved characters alone; none of them ever stands in `also`.
    return letter in also or not letter.isprintable() or (is_ascii and not letter.isascii())
