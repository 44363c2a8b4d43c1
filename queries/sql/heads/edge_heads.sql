-- title: Heads with pairs of strong attention
-- topic: Heads
-- answers: Which heads point from residue to residue with an attention of 0.3 or more, the pairs that studies of
--   contacts and binding sites count? Over distinct sequences of ten residues or more.
-- parameters:
--   proteins proteins = all: Ids to count over.
-- columns:
--   n_sequences: Distinct sequences counted over.
--   n_edges: Pairs of residues with attention of 0.3 or more.
--   edges_per_residue: The same over all residues.
--   share_with_edges: Share of sequences with such a pair.
--   max_attention: Largest attention of a residue to a residue, mean over sequences.
--   is_reported: The head has 100 edges or more, as many as Vig et al. ask for.
-- grain: layer, head
-- decomposes: sum
-- source: Vig et al. 2021: edges from 0.3 on, heads from 100 edges on.
WITH sums AS (
    SELECT h.layer, h.head, count(*) AS n_sequences, sum(h.n_edges)::BIGINT AS n_edges,
           sum(c.length)::BIGINT AS n_residues, count(*) FILTER (h.n_edges > 0) AS n_with_edges,
           count(h.max_attention) AS n_max_attention, sum(h.max_attention) AS sum_max_attention
    FROM heads AS h JOIN computed_sequences($proteins, fewest_residues()) AS c USING (accession)
    GROUP BY h.layer, h.head
)

SELECT layer, head, n_sequences, n_edges, round(n_edges / n_residues, 4) AS edges_per_residue,
       round(n_with_edges / n_sequences, 3) AS share_with_edges,
       round(sum_max_attention / n_max_attention, 3) AS max_attention, n_edges >= 100 AS is_reported
FROM sums
ORDER BY n_edges DESC, layer, head
