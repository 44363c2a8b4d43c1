"""The page of the exports: every format with a form for its proteins. Pure."""

from collections.abc import Iterable, Iterator

from attlas.queries.exports.export import Export
from attlas.serve.pages.layout import Frame, page, prose, show


def exports_page(frame: Frame, exports: Iterable[Export]) -> str:
    """Return the page of the formats that a server writes."""
    return page(frame, "Exports", _body(exports), place="/exports")


def _body(exports: Iterable[Export]) -> Iterator[str]:
    yield "<h1>Exports</h1><p>Sites and links as files for other tools. What is written onto a structure of yours "
    yield "is a matter of <code>attlas export</code>.</p>"
    yield '<div class="exports">'
    for export in exports:
        yield from _form(export)
    yield "</div>"


def _form(export: Export) -> Iterator[str]:
    """Yield the form of a format: it leads to the file itself."""
    name = show(export.name)
    hint, required = ("one protein", " required") if export.is_of_one else ("proteins; none is all", "")
    yield f'<form class="export" action="/api/v1/exports/{name}"><h2>{name}</h2><p>{prose(export.title)}</p>'
    yield '<p class="row">'
    yield _field("ids", f"Proteins of {name}", hint, required)
    if export.takes_head:
        yield _field("layer", f"Layer of {name}", "layer", ' inputmode="numeric"')
        yield _field("head", f"Head of {name}", "head", ' inputmode="numeric"')
    if export.takes_form:
        yield _field("form", f"Form of the pairs of {name}", "form, such as gap", "")
    yield "<button>Download</button></p></form>"


def _field(name: str, label: str, hint: str, attributes: str) -> str:
    return f'<input name="{name}" aria-label="{label}" placeholder="{hint}" autocomplete="off"{attributes}>'
