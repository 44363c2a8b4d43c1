"""The colours that the report and the pages share, as a stylesheet of CSS variables."""

from pathlib import Path

COLOURS_FILE = Path(__file__).with_name("colours.css")


def read_colours() -> str:
    """Return the stylesheet that sets `--ink`, `--site` and the other colours: light, dark and on paper."""
    return COLOURS_FILE.read_text(encoding="utf-8")
