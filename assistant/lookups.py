"""Tools that look proteins up: find, protein, sites, links."""

from dataclasses import asdict, fields
from shlex import quote
from typing import Any

from attlas.assistant.answers import Reply, page_of_list
from attlas.assistant.arguments import join_ids
from attlas.assistant.questions import ask_question
from attlas.queries import Atlas
from attlas.queries.answers.one_id import Answer, NoAnswer, answer_id
from attlas.queries.answers.stored_rows import ProteinRow
from attlas.queries.store import hit_table
from attlas.queries.text import printable
from attlas.schema import QuestionError

MOST_LETTERS = 2_000
"""Most letters of a sequence that the tool `protein` returns."""
MOST_FEATURES = 50
"""Most features, and most families, of a protein that it returns."""
PROTEIN_COLUMNS = ("outcome", "reason", *(field.name for field in fields(ProteinRow)), "features", "families")
SITES_QUESTION = "sites_of"
LINKS_QUESTION = "links_of"


def find(atlas: Atlas, *, text: str, offset: int, limit: int, timeout_s: float | None) -> Reply:
    """Answer with the proteins that a text may mean, the likeliest ones at the top."""
    search = atlas.search(text)
    hits = hit_table(search)
    notes = (*search.notes, *(() if search.hits else (atlas.suggest(text),)))
    rows = [list(row.values()) for row in hits.to_pylist()]
    page = page_of_list(hits.column_names, rows, offset=offset, limit=limit)
    return Reply(page, command=f"attlas find DIR {quote(text)} --format json", notes=notes)


def show_protein(
    atlas: Atlas, *, id: str, taxon: str | None, offset: int, limit: int, timeout_s: float | None
) -> Reply:
    """Answer with the row of a protein, its features and families; with several for a checksum that several share.

    Raises:
        QuestionError: the id names no protein of the atlas, or several.
    """
    answers = answer_id(atlas, id, taxon=taxon)
    if isinstance(answers[0], NoAnswer):
        raise answers[0].fault()

    rows, notes = [], dict[str, None]()
    for answer in answers:
        if isinstance(answer, Answer):
            rows.append(_protein_row(answer))
            notes |= dict.fromkeys([answer.note] if answer.note else [])
            notes |= dict.fromkeys(_cut_notes(answer))

    page = page_of_list(PROTEIN_COLUMNS, rows, offset=offset, limit=limit)
    taxon_words = "" if taxon is None else f" --taxon {quote(taxon)}"
    return Reply(page, command=f"attlas show DIR {quote(id)}{taxon_words} --json", notes=tuple(notes))


def list_sites(
    atlas: Atlas,
    *,
    id: str | None,
    ids: list[str] | None,
    flank: int,
    offset: int,
    limit: int,
    timeout_s: float | None,
) -> Reply:
    """Answer with the sites of proteins by rank; a protein without sites has a row that says why.

    Raises:
        QuestionError: no protein is named, or an id names none.
    """
    proteins = join_ids(id, ids)
    if proteins is None:
        raise QuestionError("sites needs id or ids.", expected="id, of one protein, or ids, a list")
    values = {"proteins": proteins, "flank": flank}
    return ask_question(atlas, SITES_QUESTION, values, offset=offset, limit=limit, timeout_s=timeout_s)


def list_links(
    atlas: Atlas,
    *,
    id: str,
    layer: int | None,
    head: int | None,
    position: int | None,
    offset: int,
    limit: int,
    timeout_s: float | None,
) -> Reply:
    """Answer with the strongest attention links of a protein, of all heads or of some, the strongest at the top.

    Raises:
        QuestionError: the atlas has no table `links`, or the id names no protein.
    """
    bounds = {"layers": layer, "heads": head, "positions": position}
    values: dict[str, Any] = {"proteins": [id]}
    values |= {name: [number] for name, number in bounds.items() if number is not None}
    return ask_question(atlas, LINKS_QUESTION, values, offset=offset, limit=limit, timeout_s=timeout_s)


def _protein_row(answer: Answer) -> list[Any]:
    protein = asdict(answer.protein)
    if protein["sequence"] is not None:
        protein["sequence"] = protein["sequence"][:MOST_LETTERS]
    features, families = (
        None if rows is None else [asdict(row) for row in rows[:MOST_FEATURES]]
        for rows in (answer.features, answer.families)
    )
    return [answer.outcome, answer.reason, *protein.values(), features, families]


def _cut_notes(answer: Answer) -> list[str]:
    """Return the notes on a protein's values that were cut off, with the query that has the rest."""
    notes = []
    accession = printable(answer.protein.accession).replace("'", "''")
    if answer.protein.sequence is not None and answer.protein.length > MOST_LETTERS:
        query = f"SELECT substr(sequence, {MOST_LETTERS + 1}) FROM proteins WHERE accession = '{accession}'"
        notes.append(f"sequence: the first {MOST_LETTERS:,} of {answer.protein.length:,} residues; `sql`: {query}")
    for table, rows in (("features", answer.features), ("families", answer.families)):
        if rows is not None and len(rows) > MOST_FEATURES:
            query = f"SELECT * FROM {table} WHERE accession = '{accession}' ORDER BY ALL"
            notes.append(f"{table}: {MOST_FEATURES} of {len(rows):,}; `sql`: {query}")
    return notes
