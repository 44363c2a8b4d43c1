"""Pairs as a network of residues for Cytoscape: a table of edges, and beside it one of nodes.

The columns by which Cytoscape (and py4cytoscape's `create_network_from_data_frames`) knows them: `source`, `target` and
`interaction` of edges, `id` of nodes; the others are attributes. A node is a residue, `P04637:R175`; where a protein is
paired with itself, the second copy has nodes of its own, `P04637#2:R175`. An edge of the interaction `link` goes from
the residue that attends to the one attended to; `contact` is a predicted contact.
"""

from collections.abc import Sequence
from typing import Any, BinaryIO

import pyarrow as pa

from attlas.queries.exports.link_rows import refuse_unknown_head
from attlas.queries.exports.pair_rows import refuse_unknown_form, refuse_without_pairs
from attlas.queries.exports.request import Request
from attlas.queries.exports.site_table import with_provenance_columns
from attlas.queries.formats import write_csv
from attlas.queries.spreadsheets import defuse_formulas
from attlas.queries.store import Store
from attlas.schema import PAIR_LINKS

_CHOSEN = """
chosen AS (
    SELECT pair_id, accession, partner, label, score FROM pairs
    WHERE status = 'ok' AND ($n_ids = 0
        OR ($n_ids = 1 AND (list_contains($ids, accession) OR list_contains($ids, partner)))
        OR (list_contains($ids, accession) AND list_contains($ids, partner)))
)"""
"""The pairs of the request: of one id all of its pairs, of several those among them."""

_EDGES = f"""
{_CHOSEN},
-- A link that was kept in both orders of the two proteins counts once, with the larger of its weights.
link_edges AS (
    SELECT pair_id, l.place, l.accession, l.partner, l.form, l.i, l.j, 'link' AS interaction, l.layer, l.head,
           max(l.weight) AS weight, NULL::FLOAT AS probability, NULL::FLOAT AS head_score
    FROM pair_links AS l SEMI JOIN chosen USING (pair_id)
    WHERE l.layer = coalesce($layer, l.layer) AND l.head = coalesce($head, l.head)
      AND l.form = coalesce($form, l.form)
    GROUP BY pair_id, l.place, l.accession, l.partner, l.form, l.i, l.j, l.layer, l.head
),
contact_edges AS (
    SELECT pair_id, 1 AS place, c.accession, c.partner, c.form, c.i, c.j, 'contact' AS interaction,
           NULL::SMALLINT AS layer, NULL::SMALLINT AS head, NULL::FLOAT AS weight, c.probability, c.score AS head_score
    FROM pair_contacts AS c SEMI JOIN chosen USING (pair_id)
    WHERE $layer IS NULL AND c.form = coalesce($form, c.form)
),
edges AS (
    SELECT e.*, c.label, c.score AS pair_score, p.sequence[e.i] AS residue, q.sequence[e.j] AS partner_residue,
           -- Both copies of a protein that is paired with itself have one accession.
           CASE WHEN e.accession = e.partner THEN e.place ELSE 1 END AS copy,
           CASE WHEN e.accession = e.partner THEN 3 - e.place ELSE 1 END AS partner_copy
    FROM (FROM link_edges UNION ALL FROM contact_edges) AS e
    JOIN chosen AS c USING (pair_id)
    JOIN proteins AS p ON p.accession = e.accession
    JOIN proteins AS q ON q.accession = e.partner
)"""


def _name_node(accession: str, copy: str, residue: str, position: str) -> str:
    """Return the SQL of the id of a node, of the SQL of its protein, copy of the protein, residue and position."""
    return f"{accession} || CASE WHEN {copy} = 2 THEN '#2' ELSE '' END || ':' || {residue} || {position}"


EDGES_QUERY = f"""
WITH {_EDGES}
SELECT {_name_node("accession", "copy", "residue", "i")} AS source,
       {_name_node("partner", "partner_copy", "partner_residue", "j")} AS target, interaction,
       accession AS source_accession, copy AS source_copy, i AS source_position,
       partner AS target_accession, partner_copy AS target_copy, j AS target_position,
       pair_id, label, pair_score, form, layer, head, weight, probability, head_score AS score
FROM edges
ORDER BY pair_id, interaction, form, layer, head, accession, copy, i, j
"""

NODES_QUERY = f"""
WITH {_EDGES},
ends AS (
    SELECT accession, copy, i AS position, residue, interaction FROM edges
    UNION ALL
    SELECT partner, partner_copy, j, partner_residue, interaction FROM edges
)
SELECT {_name_node("e.accession", "e.copy", "e.residue", "e.position")} AS id, e.accession, e.copy,
       any_value(p.entry_name) AS entry_name, any_value(p.gene) AS gene, e.position, e.residue,
       count(*) FILTER (interaction = 'link') AS n_links, count(*) FILTER (interaction = 'contact') AS n_contacts
FROM ends AS e JOIN proteins AS p ON p.accession = e.accession
GROUP BY e.accession, e.copy, e.position, e.residue
ORDER BY e.accession, e.copy, e.position
"""

COUNTS_QUERY = f"""
WITH {_CHOSEN},
edges_across AS (
    SELECT pair_id, form, sum(n_edges_across) FILTER (chain_order = 'mean') AS n_mean,
           sum(n_edges_across) AS n_only
    FROM pair_heads SEMI JOIN chosen USING (pair_id)
    WHERE layer = coalesce($layer, layer) AND head = coalesce($head, head) AND form = coalesce($form, form)
    GROUP BY pair_id, form
)
SELECT (SELECT count(*) FROM chosen) AS n_pairs, (SELECT count(*) FROM pairs WHERE status = 'ok') AS n_computed,
       (SELECT round(sum(coalesce(n_mean, n_only)))::BIGINT FROM edges_across) AS n_edges
"""


def write_edges(atlas: Store, request: Request, sink: BinaryIO) -> tuple[str, ...]:
    """Write the links and contacts across of the pairs as edges; return notes to show beside them."""
    n_rows = _write(atlas, request, EDGES_QUERY, sink)
    counts = atlas.sql(COUNTS_QUERY, _parameters(request)).to_pylist()[0]
    theta = atlas.manifest.run.edge_theta
    return (
        f"links and contacts across: {n_rows:,}, of {counts['n_pairs']:,} of the {counts['n_computed']:,} computed"
        f" pairs, beside {counts['n_edges'] or 0:,} edges across of attention {theta} or more",
    )


def write_nodes(atlas: Store, request: Request, sink: BinaryIO) -> None:
    """Write the residues that the edges join."""
    _write(atlas, request, NODES_QUERY, sink)


def _write(atlas: Store, request: Request, query: str, sink: BinaryIO) -> int:
    """Write the rows of a query as CSV; return their number."""
    refuse_without_pairs(atlas, "cytoscape", PAIR_LINKS)
    refuse_unknown_form(atlas, request)
    refuse_unknown_head(atlas, request.layer, request.head)
    rows = with_provenance_columns(atlas.stream(query, _parameters(request)), atlas)
    counted = _RowCounter(rows)
    reader = pa.RecordBatchReader.from_batches(rows.schema, counted)
    write_csv(defuse_formulas(reader) if request.is_safe_for_spreadsheets else reader, sink)
    return counted.n_rows


class _RowCounter:
    """The batches of a reader, whose rows are counted as they pass."""

    def __init__(self, rows: pa.RecordBatchReader) -> None:
        self._rows = rows
        self.n_rows = 0

    def __iter__(self) -> Any:
        for batch in self._rows:
            self.n_rows += batch.num_rows
            yield batch


def _parameters(request: Request) -> dict[str, Any]:
    ids: Sequence[str] = request.accessions or ()
    return {
        "ids": list(ids),
        "n_ids": len(ids),
        "layer": request.layer,
        "head": request.head,
        "form": request.form,
    }
