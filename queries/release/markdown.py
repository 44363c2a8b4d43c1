"""Markdown from values: tables and cells in which a text of the input cannot break the page."""

from collections.abc import Iterable, Iterator, Sequence

from attlas.queries.text import printable


def table(names: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield a Markdown table, and an empty line after it."""
    yield f"| {' | '.join(names)} |"
    yield f"|{'---|' * len(names)}"
    yield from (f"| {' | '.join(map(cell, row))} |" for row in rows)
    yield ""


def cell(value: object) -> str:
    """Return a value on one line, with what Markdown or HTML would act on escaped; numbers with thousands marked."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    text = printable(value).replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;")
    for sign in "|`*_[]":
        text = text.replace(sign, f"\\{sign}")
    return text
