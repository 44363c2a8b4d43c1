"""The list of proteins: all of them, or those that a search has found. Pure: rows in, HTML out."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from attlas.queries.text import counted, cut, printable
from attlas.serve.pages.layout import Frame, page, show, table

PAGE_ROWS = 100
COLUMNS = {
    "accession": "Accession",
    "gene": "Gene",
    "description": "Name",
    "organism": "Organism",
    "length": "Length",
    "layer": "Layer",
    "n_sites": "Sites",
}
NUMBERS = ("length", "layer", "n_sites")
NAME_WIDTH = 120


def list_page(
    frame: Frame,
    rows: Sequence[Mapping[str, Any]],
    total: int,
    offset: int,
    text: str | None,
    notes: Sequence[str] = (),
) -> str:
    """Return a page of the list.

    `text` is what was searched for, None lists all proteins; `notes` say what was not looked at.
    """
    title = "Proteins" if text is None else f"Proteins that fit “{cut(printable(text), 80)}”"
    return page(frame, title, _body(title, rows, total, offset, text, notes), place="/proteins", text=text or "")


def protein_path(accession: str) -> str:
    """Return the path of the page of a protein."""
    return f"/protein/{quote(accession, safe='')}"


def _body(
    title: str, rows: Sequence[Mapping[str, Any]], total: int, offset: int, text: str | None, notes: Sequence[str]
) -> Iterator[str]:
    yield f"<h1>{show(title)}</h1>"
    yield from (f"<p>{show(note)}.</p>" for note in notes)
    if not rows:
        yield (
            "<p>No protein fits. An accession, an entry name, a gene, an MD5 of a sequence, a PDB id or words of a "
            'name do; <a href="/proteins">all proteins</a> are listed by accession.</p>'
        )
        return

    pages = f", {offset + 1:,} to {offset + len(rows):,} on this page" if total > len(rows) else ""
    yield f"<p>{counted(total, 'protein')}{pages}.</p>"
    yield table(COLUMNS, map(_cells, rows), numbers=NUMBERS)
    yield f'<p class="pages">{" · ".join(_links(total, offset, text))}</p>'


def _cells(row: Mapping[str, Any]) -> dict[str, str]:
    cells = {name: show(cut(str(row[name]), NAME_WIDTH)) if row[name] is not None else "" for name in COLUMNS}
    cells["accession"] = f'<a href="{show(protein_path(row["accession"]))}">{cells["accession"]}</a>'
    cells["length"] = f"{row['length']:,}"
    if row["status"] != "ok":
        cells["n_sites"] = f'<span class="reason">{show(row["status"])}: {show(row["reason"])}</span>'
    return cells


def _links(total: int, offset: int, text: str | None) -> Iterator[str]:
    """Yield links to the pages before and after, and to the same list for programs."""
    search = {} if text is None else {"q": text}
    if offset:
        yield f'<a href="/proteins?{show(urlencode({**search, "offset": max(offset - PAGE_ROWS, 0)}))}">before</a>'
    if offset + PAGE_ROWS < total:
        yield f'<a href="/proteins?{show(urlencode({**search, "offset": offset + PAGE_ROWS}))}">next {PAGE_ROWS}</a>'
    for format in ("csv", "json"):
        parameters = {**search, "format": format, "offset": offset, "limit": 1_000}
        yield f'<a href="/api/v1/proteins?{show(urlencode(parameters))}" download>{format.upper()}</a>'
