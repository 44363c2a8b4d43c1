"""The colours that the report, the plots and the pages share, as a stylesheet of CSS variables."""

import re
from collections.abc import Mapping
from pathlib import Path

COLOURS_FILE = Path(__file__).with_name("colours.css")


def read_colours() -> str:
    """Return the stylesheet that sets `--ink`, `--site` and the other colours: light, dark and on paper."""
    return COLOURS_FILE.read_text(encoding="utf-8")


def read_light_colours() -> Mapping[str, str]:
    """Return the colours on white as hexadecimal codes, by their names in the stylesheet: `site` is `#d55e00`."""
    light = read_colours().partition("@media")[0]
    return dict(re.findall(r"--([\w-]+):\s*(#[0-9a-fA-F]+)", light))
