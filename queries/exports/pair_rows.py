"""The pair of proteins that an export draws, and its links or contacts, with how many of how many they are."""

from collections.abc import Sequence
from dataclasses import dataclass

from attlas.queries.exports.link_rows import N_DRAWN, refuse_unknown_head
from attlas.queries.exports.request import Request
from attlas.queries.store import Store
from attlas.schema import PAIRS, QuestionError, Table

PAIR_QUERY = """
SELECT pair_id, accession, partner, forms, status, reason FROM pairs
WHERE (accession = $accession AND partner = $partner) OR (accession = $partner AND partner = $accession)
ORDER BY status <> 'ok', pair_id LIMIT 1
"""
LINKS_QUERY = """
SELECT place, layer, head, i, j, max(weight) AS weight FROM pair_links
WHERE pair_id = $pair_id AND form = $form
  AND layer = coalesce($layer, layer) AND head = coalesce($head, head)
GROUP BY place, layer, head, i, j
ORDER BY weight DESC, layer, head, place, i, j
"""
"""A link that was kept in both orders of the two proteins counts once, with the larger of its weights."""

EDGES_QUERY = """
SELECT round(sum(n_edges_across))::BIGINT AS n FROM pair_heads
WHERE pair_id = $pair_id AND form = $form
  AND layer = coalesce($layer, layer) AND head = coalesce($head, head)
  AND chain_order = (
      SELECT max_by(chain_order, chain_order = 'mean') FROM pair_heads WHERE pair_id = $pair_id AND form = $form
  )
"""
"""Edges across, of both directions: the mean over the orders where there are two."""

CONTACTS_QUERY = """
SELECT i, j, probability, score FROM pair_contacts WHERE pair_id = $pair_id AND form = $form
ORDER BY probability DESC NULLS LAST, score DESC NULLS LAST, i, j
"""


@dataclass(frozen=True)
class PairOfProteins:
    """A pair that was computed, in one of its forms."""

    pair_id: int
    accession: str
    """The protein that the file of pairs names before the other."""
    partner: str
    form: str


@dataclass(frozen=True)
class AcrossLine:
    """A line between a residue of a pair's accession and one of its partner."""

    i: int
    """Position in the accession, from 1."""
    j: int
    """Position in the partner."""
    weight: float
    """What its thickness says, 0 to 1: attention, probability, or the score over the largest of the pair."""
    value: float
    """The number itself, as the table has it."""
    head: str = ""
    """Layer and head of a link, such as `2-19`; empty for a contact."""
    is_from_partner: bool = False
    """Of a link: the partner's residue attends."""


@dataclass(frozen=True)
class LineSelection:
    """The lines of a pair that an export draws, and how many of how many they are."""

    lines: tuple[AcrossLine, ...]
    """The strongest at the front."""
    description: str
    """Which of the links or contacts they are, and how many of how many."""
    meaning: str
    """What the thickness of a line says."""


def refuse_without_pairs(store: Store, format: str, table: Table) -> None:
    """Refuse an atlas that has no such table of pairs.

    Raises:
        QuestionError: it has none; says which command adds it.
    """
    if not store.manifest.of_table(table):
        raise QuestionError(
            f"{format} is of pairs, and this atlas has no table {table.name}.", hint=f"`{table.added_by}` adds it"
        )


def refuse_unknown_form(store: Store, request: Request) -> None:
    """Refuse a form in which no pair of the atlas was joined. Raises QuestionError."""
    texts = store.sql(f"SELECT DISTINCT forms FROM {PAIRS.name}")["forms"].to_pylist()
    forms = sorted({form for text in texts for form in text.split()})
    if request.form is not None and request.form not in forms:
        raise QuestionError(
            "No pair of this atlas was joined in that form.",
            expected=f"one of {', '.join(forms)}" if forms else "pairs that were computed",
            found=request.form,
        )


def find_pair(store: Store, request: Request, format: str, table: Table) -> PairOfProteins:
    """Return the pair of the request's two proteins, in the form that it names, or in the only one.

    Raises:
        QuestionError: the atlas has no such table, the pair was not computed, or in several forms, or not in that one.
    """
    refuse_without_pairs(store, format, table)
    accession, partner = pair_of(request.accessions or ())
    rows = store.sql(PAIR_QUERY, {"accession": accession, "partner": partner}).to_pylist()
    if not rows or rows[0]["status"] != "ok":
        outcome = f"{rows[0]['status']}: {rows[0]['reason']}" if rows else f"no row of {PAIRS.name} names both"
        raise QuestionError(
            f"There is no attention between {accession} and {partner}.",
            expected="a pair that was computed",
            found=outcome,
            hint=f"`{PAIRS.added_by}` computes pairs; `attlas sql DIR 'FROM pairs'` lists them",
        )

    form = _choose_form(request.form, rows[0]["forms"].split(), f"{accession} and {partner}")
    return PairOfProteins(rows[0]["pair_id"], rows[0]["accession"], rows[0]["partner"], form)


def _choose_form(form: str | None, forms: Sequence[str], pair: str) -> str:
    """Return the form that is asked for, or the only one. Raises QuestionError."""
    if form is None and len(forms) == 1:
        return forms[0]
    if form is not None and form in forms:
        return form
    problem = "were joined in several forms" if form is None else f"were not joined in the form {form}"
    raise QuestionError(f"{pair} {problem}.", expected=f"one of {', '.join(forms)}", hint="--form NAME")


def pair_of(accessions: Sequence[str]) -> tuple[str, str]:
    """Return the two proteins that accessions name; one alone is a pair with itself."""
    return accessions[0], accessions[-1]


def select_links_across(store: Store, request: Request, pair: PairOfProteins) -> LineSelection:
    """Return the links across to draw: of the layer and head that are named; without these, the strongest N_DRAWN.

    Raises:
        QuestionError: the model has no such layer or head.
    """
    refuse_unknown_head(store, request.layer, request.head)
    parameters = {"pair_id": pair.pair_id, "form": pair.form, "layer": request.layer, "head": request.head}
    rows = store.sql(LINKS_QUERY, parameters).to_pylist()
    n_edges = store.sql(EDGES_QUERY, parameters).to_pylist()[0]["n"] or 0

    all_rows = rows
    if request.layer is None:
        rows = all_rows[:N_DRAWN]
    heads = "all heads" if request.layer is None else f"layer {request.layer} (from 0)"
    heads += "" if request.head is None else f", head {request.head} (from 0)"
    strongest = "the strongest of " if request.layer is None else ""
    return LineSelection(
        tuple(
            AcrossLine(
                i=row["i"] if row["place"] == 1 else row["j"],
                j=row["j"] if row["place"] == 1 else row["i"],
                weight=row["weight"],
                value=row["weight"],
                head=f"{row['layer']}-{row['head']}",
                is_from_partner=row["place"] != 1,
            )
            for row in rows
        ),
        f"links across: {len(rows):,} of {len(all_rows):,} kept ({strongest}{heads}, in the form {pair.form}), beside"
        f" {n_edges:,} edges across of attention {store.manifest.run.edge_theta} or more",
        "the attention, the larger of both orders, which is what a model attends to, no contact and no claim of"
        " function",
    )


def select_contacts_across(store: Store, request: Request, pair: PairOfProteins) -> LineSelection:
    """Return the contacts across to draw: the best N_DRAWN by probability, or by score where the model has none."""
    if request.layer is not None:
        raise QuestionError("Contacts are of no layer.", hint="leave --layer out")
    parameters = {"pair_id": pair.pair_id, "form": pair.form}
    rows = store.sql(CONTACTS_QUERY, parameters).to_pylist()
    has_probability = any(row["probability"] is not None for row in rows)
    column = "probability" if has_probability else "score"
    values = [(row["i"], row["j"], row[column]) for row in rows if row[column] is not None]
    top = 1.0 if has_probability else max((value for _, _, value in values), default=0.0)

    best_values = values[:N_DRAWN]
    return LineSelection(
        tuple(AcrossLine(i, j, max(0.0, value / top) if top > 0 else 0.0, value) for i, j, value in best_values),
        f"contacts across: {len(best_values):,} of {len(values):,} kept (the best by {column},"
        f" in the form {pair.form})",
        "the probability of a contact by the model's contact head"
        if has_probability
        else "the score of the fused heads over the largest of the pair, no probability",
    )
