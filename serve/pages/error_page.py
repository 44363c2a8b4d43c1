"""The page of an error: what is wrong, what was expected and found, what to do. Pure."""

from collections.abc import Iterator

from attlas.schema import Fault
from attlas.serve.pages.layout import Frame, page, prose, show

N_OFFENDERS = 20


def error_page(frame: Frame, status: int, fault: Fault) -> str:
    """Return the page of an error."""
    return page(frame, f"{status}", _body(fault))


def _body(fault: Fault) -> Iterator[str]:
    yield f'<div class="problem" role="alert"><h1>{_lines(fault.what)}</h1><dl>'
    for name, text in (("Expected", fault.expected), ("Found", fault.found), ("To do", fault.hint)):
        if text:
            yield f"<dt>{name}</dt><dd>{_lines(text)}</dd>"
    yield "</dl>"
    if fault.offenders:
        yield "<ul>" + "".join(f"<li>{show(offender)}</li>" for offender in fault.offenders[:N_OFFENDERS]) + "</ul>"
    yield '</div><p><a href="/">To the start</a> · <a href="/proteins">All proteins</a></p>'


def _lines(text: str) -> str:
    return "<br>".join(prose(line) for line in text.split("\n"))
