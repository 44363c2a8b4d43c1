"""The list of the pairs of a protein, each with a link to its page. Pure: rows in, HTML out."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from attlas.queries.text import counted
from attlas.serve.pages.layout import Frame, page, show, table
from attlas.serve.pages.protein_list import protein_path

PAGE_ROWS = 500
"""Pairs that the page lists, each form counted."""
COLUMNS = {
    "partner": "Partner",
    "form": "Form",
    "across": "Attention to it",
    "across_evenly": "Its share of residues",
    "page": "",
}
NUMBERS = ("across", "across_evenly")


def pair_path(accession: str, partner: str, form: str) -> str:
    """Return the path of the page of a pair."""
    return f"/pair?{urlencode({'id': accession, 'partner': partner, 'form': form})}"


def pair_list_page(
    frame: Frame, accession: str, rows: Sequence[Mapping[str, Any]], *, layer: int, has_more: bool
) -> str:
    """Return the page of the pairs of a protein.

    Args:
        frame: what every page says.
        accession: the protein.
        rows: the answer of `pair_summary` in one layer.
        layer: that layer, from 0.
        has_more: whether there are pairs beyond these.
    """
    return page(frame, f"Pairs of {accession}", _body(accession, rows, layer=layer, has_more=has_more))


def _body(accession: str, rows: Sequence[Mapping[str, Any]], *, layer: int, has_more: bool) -> Iterator[str]:
    yield f'<h1>Pairs of <a href="{show(protein_path(accession))}">{show(accession)}</a></h1>'
    if not rows:
        yield "<p>No pair with this protein was computed.</p>"
        return

    begin = "The first " if has_more else ""
    yield f"<p>{begin}{counted(len(rows), 'pair')}, each form of joining counted. Attention is the mean over the heads "
    yield f"of layer {layer}, from 0: what the residues of {show(accession)} give to the partner's. It says nothing of "
    yield "binding: the more residues a partner has, the more it gets.</p>"
    yield table(COLUMNS, (_cells(accession, row) for row in rows), numbers=NUMBERS)


def _cells(accession: str, row: Mapping[str, Any]) -> dict[str, str]:
    path = pair_path(accession, row["partner"], row["form"])
    return {
        "partner": f'<a href="{show(protein_path(row["partner"]))}">{show(row["partner"])}</a>',
        "form": show(row["form"]),
        "across": f"{row['across']:.3f}",
        "across_evenly": f"{row['across_evenly']:.3f}",
        "page": f'<a href="{show(path)}">page of the pair</a>',
    }
