"""The frame of every page: head, navigation with the search, footer. Pure: texts in, HTML out."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape

from attlas.queries.text import printable
from attlas.schema import Manifest
from attlas.schema.published_weights import describe_weights

_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Frame:
    """What every page says of the atlas and the server."""

    source: str
    """Name of the input file."""
    provenance: str
    """What the atlas was computed with, in one line."""
    has_sql: bool

    @classmethod
    def of(cls, manifest: Manifest, *, has_sql: bool) -> "Frame":
        """Return the frame of an atlas."""
        run = manifest.run
        facts = (
            f"atlas {manifest.atlas_id}",
            f"model {run.model}",
            f"weights {describe_weights(run)}",
            f"rule {run.rule}",
            f"attlas {run.attlas_version}",
        )
        return cls(manifest.source, " · ".join(facts), has_sql)


def show(value: object) -> str:
    """Return a value as HTML text: one line, nothing in it is markup."""
    return escape(printable(value))


def prose(text: str) -> str:
    """Return a sentence of ours as HTML: what stands between backticks is code."""
    return _CODE.sub(r"<code>\1</code>", show(text))


def page(
    frame: Frame,
    title: str,
    body: Iterable[str],
    *,
    place: str = "",
    text: str = "",
    has_search: bool = True,
) -> str:
    """Return a whole page.

    Args:
        frame: what every page says.
        title: title of the page, also for the list of windows.
        body: its HTML.
        place: path of the entry of the navigation that is here.
        text: what was searched for.
        has_search: whether the search stands in the head of the page.
    """
    search = search_form(text) if has_search else ""
    navigation = "".join(_navigation(frame, place))

    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{show(title)} · attlas</title>
<link rel="icon" href="/static/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/static/colours.css">
<link rel="stylesheet" href="/static/pages.css">
<script src="/static/pages.js" defer></script>
</head>
<body>
<a class="skip" href="#main">Skip to the page</a>
<header>
<a class="brand" href="/">attlas</a>
{search}
<nav aria-label="Pages">{navigation}</nav>
</header>
<main id="main">
{"".join(body)}
</main>
<footer><p>{show(frame.provenance)}</p>
<p>Attention is no evidence of function: a high-attention site is what a model attends to.</p></footer>
</body>
</html>
"""


def search_form(text: str = "") -> str:
    """Return the form that searches for proteins."""
    return (
        '<form class="search" role="search" action="/proteins">'
        f'<input type="search" name="q" value="{show(text)}" aria-label="Find proteins: identifier, gene or words" '
        'placeholder="Accession, gene, words of a name" maxlength="500" required>'
        "<button>Find</button></form>"
    )


def table(columns: Mapping[str, str], rows: Iterable[Mapping[str, str]], *, numbers: Iterable[str] = ()) -> str:
    """Return a table. `columns` are names with their headings; the cells of `rows` are HTML."""
    right = set(numbers)
    head = "".join(f"<th{_number(name in right)}>{escape(heading)}</th>" for name, heading in columns.items())
    lines = (
        "<tr>" + "".join(f"<td{_number(name in right)}>{row[name]}</td>" for name in columns) + "</tr>" for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def _number(is_number: bool) -> str:
    return ' class="number"' if is_number else ""


def _navigation(frame: Frame, place: str) -> Iterable[str]:
    entries = {
        "/proteins": "Proteins",
        "/questions": "Questions",
        "/sql": "SQL",
        "/exports": "Exports",
        "/report": "Report",
        "/api": "API",
    }
    for path, name in entries.items():
        if path != "/sql" or frame.has_sql:
            current = ' aria-current="page"' if path == place else ""
            yield f'<a href="{path}"{current}>{name}</a>'
