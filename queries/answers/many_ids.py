"""Many ids at once: one table with a row per site, and a row for every id that has none, so that no id is lost."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from attlas.queries.answers.one_id import AMBIGUOUS, NOT_IN_ATLAS, name_outcome
from attlas.queries.engine.views import view_schema
from attlas.queries.lookup.identifiers import Match
from attlas.queries.store import Store
from attlas.queries.text import cut, printable
from attlas.schema import PROTEINS, SITES
from attlas.schema.parquet_file import provenance

ANSWER_COLUMNS = {
    "asked": "The id as it was asked.",
    "outcome": "`sites found`, `computed, no sites found`, `skipped`, `failed`, `not in this atlas` or `names several "
    "proteins`.",
    "reason": "Why there are no sites, or a flag of those there are (`40 or more`); and of which cluster the id is a "
    "member, if it is one.",
}
"""Columns about the outcome of an id, all texts, with the doc of each."""
PROTEIN_COLUMNS = ("accession", "entry_name", "gene", "organism", "taxon_id", "length", "md5", "layer")
"""Columns about the protein; null for an id that names none."""
SITE_COLUMNS = ("position", "residue", "rank", "received", "share", "is_nonstandard", "is_initiator_methionine")
"""Columns about the site; null if there is none."""
TEXT_COLUMNS = (
    "asked", "accession", "gene", "layer", "position", "residue", "rank", "received", "share", "outcome", "reason",
)  # fmt: skip
"""Columns of a table of text, the widest last."""
TEXT_WIDTH = 60
"""Characters of an id in a table of text: the longest decides the width of every line."""
_OUTCOME_COLUMNS = ("status", "reason", "sites_note", "sequence_id")
_NO_SITE = (None,)


@dataclass(frozen=True)
class _Row:
    """One id with one of the proteins it names, or with none."""

    id: str
    outcome: str
    reason: str | None
    protein: int | None
    """Row among the proteins looked up."""
    sites: Sequence[int | None]
    """Rows among the sites looked up; one null where there are none."""


def lookup(atlas: Store, ids: Iterable[str], *, taxon: int | str | None = None, takes_names: bool = False) -> pa.Table:
    """Return the sites of every protein that the ids name, in the order of the ids, then by rank.

    An id that occurs twice is answered once; two ids of one protein are both answered, and so is every accession of a
    digest. If `takes_names`, an id in another letter case is answered with the only protein that it may mean, and the
    reason says so.
    """
    # A lone text is one id, not its letters; a column of a data frame may hold a NaN, which is then an id unknown here.
    distinct_ids = [ids] if isinstance(ids, str) else dict.fromkeys(map(str, ids))
    matches = [match.of_cluster() for match in atlas.matches(list(distinct_ids), taxon=taxon)]
    if takes_names and taxon is None:
        matches = atlas.match_other_case(matches)
    numbers = sorted({row for match in matches for row in match.rows})
    proteins = atlas.protein_rows(numbers, list(dict.fromkeys([*PROTEIN_COLUMNS, *_OUTCOME_COLUMNS])))
    outcomes = proteins.select(list(_OUTCOME_COLUMNS)).to_pylist()
    computed = [protein["sequence_id"] for protein in outcomes if protein["status"] == "ok"]
    sites, rows_of_sequence = atlas.rows_of_sequences(SITES, computed, SITE_COLUMNS)
    index_of_row = {number: index for index, number in enumerate(numbers)}
    rows = [row for match in matches for row in _rows(match, index_of_row, outcomes, rows_of_sequence)]
    return _table(atlas, rows, proteins, sites)


def shorten_for_text(table: pa.Table) -> pa.Table:
    """Return the columns of a lookup that fit a table of text, with long ids cut."""
    short_ids = [cut(printable(id), TEXT_WIDTH) for id in table.column("asked").to_pylist()]
    return table.set_column(0, "asked", pa.array(short_ids, pa.string())).select(TEXT_COLUMNS)


def list_unmatched(table: pa.Table) -> dict[str, str]:
    """Return the ids of a lookup that name no protein, or several, each with the reason in words."""
    names = ("asked", "outcome", "reason")
    rows = zip(*(table.column(name).to_pylist() for name in names), strict=True)
    return {
        id: f"{outcome}: {reason}" if reason else outcome
        for id, outcome, reason in rows
        if outcome in (NOT_IN_ATLAS, AMBIGUOUS)
    }


def _rows(
    match: Match, index_of_row: dict[int, int], outcomes: list[dict[str, object]], rows_of_sequence: dict[int, range]
) -> Iterator[_Row]:
    if not match.rows:
        yield _Row(match.id, AMBIGUOUS if match.candidates else NOT_IN_ATLAS, match.reason, None, _NO_SITE)

    for number in match.rows:
        protein = outcomes[index_of_row[number]]
        sites = rows_of_sequence.get(protein["sequence_id"], ()) if protein["status"] == "ok" else ()  # type: ignore[call-overload]
        outcome = name_outcome(str(protein["status"]), len(sites))
        reason = protein["reason"] if protein["status"] != "ok" else protein["sites_note"]
        reasons = "; ".join(str(text) for text in (match.note, reason) if text) or None
        yield _Row(match.id, outcome, reasons, index_of_row[number], sites or _NO_SITE)


def _table(atlas: Store, rows: list[_Row], proteins: pa.Table, sites: pa.Table) -> pa.Table:
    # In the order of ANSWER_COLUMNS.
    texts = (
        zip(*((row.id, row.outcome, row.reason) for row in rows), strict=True) if rows else [()] * len(ANSWER_COLUMNS)
    )
    outcome_columns = [pa.array(column, pa.string()) for column in texts]
    answers = pa.Table.from_arrays(
        [*outcome_columns, *proteins.select(PROTEIN_COLUMNS).take(_numbers(row.protein for row in rows)).columns],
        names=[*ANSWER_COLUMNS, *PROTEIN_COLUMNS],
    )
    repeated = answers.take(_numbers(index for index, row in enumerate(rows) for _ in row.sites))
    site_columns = sites.take(_numbers(site for row in rows for site in row.sites))
    return pa.Table.from_arrays([*repeated.columns, *site_columns.columns], schema=_schema(atlas))


def _numbers(values: Iterator[int | None]) -> pa.Array:
    return pa.array(list(values), pa.int64())


def _schema(atlas: Store) -> pa.Schema:
    outcome_fields = [pa.field(name, pa.string(), metadata={"doc": doc}) for name, doc in ANSWER_COLUMNS.items()]
    atlas_fields = [view_schema(PROTEINS, atlas.n_layers).field(name) for name in PROTEIN_COLUMNS]
    atlas_fields += [view_schema(SITES, atlas.n_layers).field(name) for name in SITE_COLUMNS]
    metadata = provenance(atlas.manifest.run, atlas.manifest.atlas_id)
    return pa.schema([*outcome_fields, *(field.with_nullable(True) for field in atlas_fields)], metadata=metadata)
