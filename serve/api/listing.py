"""The list of proteins, page by page, and the answers of a batch, id by id. Pure but for reading the atlas."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

import pyarrow as pa
from fastapi import Request

from attlas.queries import Atlas
from attlas.queries.answers.many_ids import PROTEIN_COLUMNS, SITE_COLUMNS
from attlas.queries.answers.one_id import AMBIGUOUS, FAILED, NOT_IN_ATLAS, SKIPPED
from attlas.queries.formats import json_rows
from attlas.queries.lookup.text_arrays import text_array

LIST_COLUMNS = (
    "accession", "entry_name", "gene", "organism", "taxon_id", "description", "length", "md5", "status", "reason",
    "layer", "n_sites", "sites_note",
)  # fmt: skip
"""What the list says of a protein; the sequence is in the protein itself."""
FIT_OF_ID = "identifier"
"""How a protein fits a text that is one of its identifiers in another form, such as an MD5."""


@dataclass(frozen=True)
class ListPage:
    """Some of the proteins of a list."""

    rows: pa.Table
    """`LIST_COLUMNS`, and `fit`: how a protein fits what was searched for, null in the list of all."""
    total: int
    """Proteins of the whole list."""
    notes: tuple[str, ...] = ()
    """What was not looked at, where very many proteins fit."""


def list_page(atlas: Atlas, text: str | None, offset: int, limit: int) -> ListPage:
    """Return a page of all proteins by accession, or of those that a text may mean, the likeliest first."""
    notes: tuple[str, ...] = ()
    if text is None:
        total = atlas.manifest.counts.n_requested
        numbers, fits = list(range(min(offset, total), min(offset + limit, total))), None
    else:
        fit_of_row, notes = search(atlas, text)
        total = len(fit_of_row)
        numbers, fits = list(fit_of_row)[offset : offset + limit], list(fit_of_row.values())[offset : offset + limit]

    rows = atlas.protein_rows(numbers, LIST_COLUMNS).select(list(LIST_COLUMNS))
    return ListPage(rows.append_column("fit", text_array(fits or [None] * len(numbers))), total, notes)


def search(atlas: Atlas, text: str) -> tuple[dict[int, str], tuple[str, ...]]:
    """Return the proteins that a text may mean, as rows of `proteins`, with how each fits, the likeliest first.

    Then what was not looked at, in sentences.
    """
    answer = atlas.search(text)
    hits = {hit.row: hit.fit for hit in answer.hits}
    by_id = {row: FIT_OF_ID for row in atlas.match(text).rows if row not in hits}
    return {**by_id, **hits}, answer.notes


def next_url(request: Request, offset: int) -> str:
    """Return the address of the page of a list that begins at `offset`."""
    parameters = {**request.query_params, "offset": str(offset)}
    return f"{request.url.path}?{urlencode(parameters)}"


def list_answers(rows: pa.Table) -> list[dict[str, Any]]:
    """Return the answer to each id of a batch, from the table of `lookup`."""
    by_id = groupby(json_rows(rows.to_reader()), key=lambda row: row["asked"])
    return [_answer(str(id), list(id_rows)) for id, id_rows in by_id]


def _answer(id: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    outcome = rows[0]["outcome"]
    return {
        "asked": id,
        "status": {NOT_IN_ATLAS: 404, AMBIGUOUS: 409}.get(outcome, 200),
        "outcome": outcome,
        "reason": rows[0]["reason"],
        "proteins": list(_proteins(rows)),
    }


def _proteins(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield each protein of an id with its sites: none where none were found, null where it was not computed."""
    for accession, protein_rows in groupby(rows, key=lambda row: row["accession"]):
        if accession is None:
            return
        sites = list(protein_rows)
        is_computed = sites[0]["outcome"] not in (SKIPPED, FAILED)
        yield {
            **{name: sites[0][name] for name in PROTEIN_COLUMNS},
            "sites": [{name: site[name] for name in SITE_COLUMNS} for site in sites if site["position"] is not None]
            if is_computed
            else None,
        }
