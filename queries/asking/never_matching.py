"""Notes for a query that compares a column with a value which no row of the atlas has: why an answer may be empty.

`layer = 7` and `layer > 5` of a model with six layers, `organism LIKE 'homo%'`, `accession = 'P53_HUMAN'`,
`residue = 'r'` are SQL without a fault, and match nothing. The notes are given with the answer; they do not change it,
and no query fails because of them.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from attlas.queries.engine.comparisons import TREE, LiteralComparison, comparisons_in
from attlas.queries.engine.views import quote
from attlas.queries.lookup.identifiers import Match
from attlas.queries.store import Store
from attlas.queries.text import cut, printable
from attlas.schema import FITS, TABLES

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
    """Return a sentence for each comparison of a query that holds for no row of the atlas; none if in doubt."""
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
        if (n := numbers.get(column.name)) and not _may_hold(comparison.operator, value, _lowest(comparison), n - 1):
            yield f"no row has {column.name} {comparison.operator} {value}: {column.name}s are 0 to {n - 1}"
    elif column.name == "residue" and comparison.operator == "=":
        if len(value) != 1:
            yield f"no row has residue = {_short_text(value)}: a residue is one letter, such as 'C'"
        elif value.islower():
            letter = quote(value.upper())
            yield f"no row has residue = {_short_text(value)}: residues are letters in upper case, {letter}"
    elif isinstance(atlas.root, Path):  # a column is not fetched over a network for a note
        if column.name == "accession" and comparison.operator == "=":
            yield from _accession_notes(atlas, value)
        elif column.name in WORD_COLUMNS and comparison.operator in ("=", "LIKE"):
            yield from _word_notes(atlas, comparison, value)


def _may_hold(operator: str, value: int, lowest: int, highest: int) -> bool:
    """Return whether a comparison may hold for a number between two others, both included."""
    match operator:
        case "=":
            return lowest <= value <= highest
        case ">" | ">=":
            return highest > value or (highest == value and operator == ">=")
        case "<" | "<=":
            return lowest < value or (lowest == value and operator == "<=")
    return True


def _lowest(comparison: LiteralComparison) -> int:
    """Return the lowest layer or head that a table may have: a fit that is of no layer has -1."""
    return -1 if FITS.name in comparison.tables else 0


def _accession_notes(atlas: Store, value: str) -> Iterator[str]:
    match = atlas.match(value)
    accessions = _accessions(atlas, match)
    if value in accessions:
        return

    beginning = f"no row has accession = {_short_text(value)}"
    similar = match.candidates[:3] or match.close[:3]
    # A similar id may be an entry name or a gene: what stands in the column is the accession that it names.
    names = list(dict.fromkeys(name for id in similar for name in _accessions(atlas, atlas.match(id), id)))[:3]
    is_other_case = [id.lower() for id in similar] == [value.lower()]
    if accessions or (names and is_other_case and similar[0] not in names):
        yield f"{beginning}: it names {', '.join(map(_short_text, accessions or names))}"
    elif names:
        yield f"{beginning}; there is {', '.join(map(_short_text, names))}"
    else:
        yield beginning


def _accessions(atlas: Store, match: Match, id: str | None = None) -> list[str]:
    """Return the accessions of a match; only the id itself where it is one of them."""
    accessions = atlas.protein_rows(match.rows, ["accession"])["accession"].to_pylist() if match.rows else []
    return [id] if id is not None and id in accessions else accessions


def _word_notes(atlas: Store, comparison: LiteralComparison, value: str) -> Iterator[str]:
    column = comparison.column
    tables = [t.name for t in TABLES if t.name in comparison.tables and column in {c.name for c in t.columns}]
    if not tables or not set(tables) <= set(WORD_TABLES):
        return

    # Words that match but for their letter case, those that match at the top; an empty answer means that there is none.
    rows = " UNION ".join(f"SELECT {column} AS word FROM {table}" for table in tables)
    operator, text = comparison.operator, quote(value)
    query = (
        f"SELECT DISTINCT word, word {operator} {text} AS is_match FROM ({rows})"
        f" WHERE word {operator} {text} OR lower(word) {operator} lower({text}) ORDER BY is_match DESC, word LIMIT 3"
    )
    words = atlas.sql(query, timeout_s=TIMEOUT_S).to_pylist()
    if not any(row["is_match"] for row in words):
        near = f": it has {', '.join(_short_text(row['word']) for row in words)}" if words else ""
        yield f"no row of {' or '.join(tables)} has {column} {operator} {_short_text(value)}{near}"


def _short_text(value: str) -> str:
    return cut(quote(printable(value)), VALUE_WIDTH)
