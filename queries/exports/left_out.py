"""The proteins that a format leaves out, by name: nothing is dropped in silence."""

from collections.abc import Sequence
from typing import Literal

from attlas.queries.store import Store
from attlas.queries.text import printable

Kind = Literal[
    "without sites", "without a layer of convergence", "without links", "without candidate sites", "not computed"
]
CONDITIONS: dict[Kind, str] = {
    "without sites": "coalesce(n_sites, 0) = 0",
    "without a layer of convergence": "layer IS NULL",
    "without links": "status <> 'ok' OR sequence_id NOT IN (SELECT sequence_id FROM links)",
    "without candidate sites": "accession NOT IN (SELECT accession FROM candidate_sites)",
    "not computed": "status <> 'ok'",
}
"""Conditions on `proteins`; each holds for all that were not computed."""
N_NAMED = 10
"""Proteins that a note names; the others are counted."""


def count_left_out(atlas: Store, kind: Kind, accessions: Sequence[str] | None) -> str | None:
    """Return a line that counts the proteins left out and names the first of them; None if there are none."""
    selection = "true" if accessions is None else "accession IN (SELECT unnest($accessions))"
    parameters = None if accessions is None else {"accessions": list(accessions)}

    rows = atlas.sql(
        f"SELECT accession, count(*) OVER () AS n FROM proteins WHERE ({CONDITIONS[kind]}) AND {selection} "
        f"ORDER BY accession LIMIT {N_NAMED}",
        parameters,
    ).to_pylist()
    if not rows:
        return None

    n = int(rows[0]["n"])
    names = ", ".join(printable(row["accession"]) for row in rows)
    ending = f" and {n - len(rows):,} more" if n > len(rows) else ""
    return f"{n:,} {'protein has' if n == 1 else 'proteins have'} no row in this format: {names}{ending}"
