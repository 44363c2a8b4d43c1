"""Notes for a query that compares a column with a value which no row of the atlas has: why an answer may be empty.

`layer = 7` of a model with six layers, `organism = 'homo sapiens'`, `accession = 'P53_HUMAN'` are SQL without a fault,
and match nothing. The notes are given with the answer; they do not change it, and no query fails because of them.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from attlas.queries.engine.comparisons import TREE, LiteralComparison, comparisons_in
from attlas.queries.engine.views import quote
from attlas.queries.store import Store
from attlas.queries.text import cut, printable
from attlas.schema import TABLES

WORD_COLUMNS = ("organism", "type", "label", "database", "status", "entry_name", "gene", "family")
"""Columns of words that are looked through for a value; others are positions, numbers and sequences."""
WORD_TABLES = ("proteins", "features", "families", "labels")
"""Tables small enough to be looked through beside a query."""
MOST_CHECKED = 12
"""Comparisons of a query that are checked: a list of ten thousand ids is not."""
TIMEOUT_S = 2.0
"""Seconds that the checks of one value may take."""
VALUE_WIDTH = 60


def never_matching_notes(atlas: Store, query: str) -> list[str]:
    """Return a sentence for each literal of a query that no row of the atlas can equal; none if in doubt."""
    notes: list[str] = []
    # Whatever goes wrong here, as a tree of a version of DuckDB still to come, the answer stands without notes.
    with suppress(Exception):
        tree = atlas.sql(TREE, {"query": query}, timeout_s=TIMEOUT_S)["tree"][0].as_py()
        for comparison in comparisons_in(tree)[:MOST_CHECKED]:
            notes += _notes(atlas, comparison)
    return notes


def _notes(atlas: Store, comparison: LiteralComparison) -> Iterator[str]:
    tables = [table for table in TABLES if table.name in comparison.tables]
    columns = {column.name: column for table in tables for column in table.columns}
    column = columns.get(comparison.column)
    if column is None:
        return

    run, value = atlas.manifest.run, comparison.value
    if comparison.is_element:
        if column.is_per_layer and isinstance(value, int) and not 1 <= value <= run.n_layers:
            hint = "" if value else f"; at_layer({column.name}, 0) is the first layer"
            yield f"{column.name}[{value}] is empty: lists count from 1, and there are {run.n_layers} layers{hint}"
    elif isinstance(value, int):
        numbers = {"layer": run.n_layers, "head": run.n_heads}
        if (n := numbers.get(column.name)) and not 0 <= value < n:
            yield f"no row has {column.name} = {value}: {column.name}s are 0 to {n - 1}"
    elif isinstance(atlas.root, Path):  # a column is not fetched over a network for a note
        if column.name == "accession":
            yield from _accession_notes(atlas, value)
        elif column.name in WORD_COLUMNS:
            yield from _word_notes(atlas, comparison, value)


def _accession_notes(atlas: Store, value: str) -> Iterator[str]:
    match = atlas.match(value)
    accessions = atlas.protein_rows(match.rows, ["accession"])["accession"].to_pylist() if match.rows else []
    if value in accessions:
        return

    beginning = f"no row has accession = {_short_text(value)}"
    if accessions:
        yield f"{beginning}: it names {', '.join(map(_short_text, accessions))}"
    elif match.candidates or match.close:
        yield f"{beginning}; there is {', '.join(map(_short_text, match.candidates[:3] or match.close[:3]))}"
    else:
        yield beginning


def _word_notes(atlas: Store, comparison: LiteralComparison, value: str) -> Iterator[str]:
    column = comparison.column
    tables = [t.name for t in TABLES if t.name in comparison.tables and column in {c.name for c in t.columns}]
    if not tables or not set(tables) <= set(WORD_TABLES):
        return

    # Words that are equal but for their letter case; an empty answer means that no row has the word at all.
    rows = " UNION ".join(f"SELECT {column} AS word FROM {table}" for table in tables)
    query = f"SELECT DISTINCT word FROM ({rows}) WHERE lower(word) = lower({quote(value)}) ORDER BY word LIMIT 3"
    words = atlas.sql(query, timeout_s=TIMEOUT_S)["word"].to_pylist()
    if value not in words:
        near = f": it has {', '.join(map(_short_text, words))}" if words else ""
        yield f"no row of {' or '.join(tables)} has {column} = {_short_text(value)}{near}"


def _short_text(value: str) -> str:
    return cut(quote(printable(value)), VALUE_WIDTH)
