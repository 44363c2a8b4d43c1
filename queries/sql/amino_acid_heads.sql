-- title: The amino acids that each head attends to
-- topic: Annotation
-- needs: labels, head_features
-- answers: Which heads attend to cysteine, proline or another amino acid? The 20 standard letters by every head, over
--   all proteins of the probe, each sequence once.
-- parameters:
--   form text count|weighted|mass = count: Edges, the attention of these edges, or all attention without a threshold.
--   proteins proteins = all: Ids to count over, background included.
--   min_edges int 0.. = 100: Fewest edges, over all these proteins, of a head that is reported.
-- columns:
--   residue: One-letter code of the amino acid attended to.
--   n_proteins: Proteins, one for each sequence.
--   n_edges: Edges of the head in these proteins: pairs of residues with an attention of the probe's theta or more.
--   p: Share of its edges, or of its attention, that goes to this amino acid.
--   background: Share of the residues of these proteins that are this amino acid.
--   ratio: The first over the second; 1 is no preference.
-- grain: residue, layer, head
-- source: Vig et al. 2021 (ICLR).
WITH letters AS (SELECT unnest(string_split('ACDEFGHIKLMNPQRSTVWY', '')) AS residue),
chosen AS (
    SELECT min(accession) AS accession, any_value(length) AS length
    FROM labels
    WHERE label = 'residue'
          AND ($proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[])))
    GROUP BY sequence_id
),
totals AS (
    SELECT e.layer, e.head, count(*) AS n_proteins, sum(e.n_edges)::BIGINT AS n_edges,
           sum(CASE $form WHEN 'count' THEN e.n_edges WHEN 'weighted' THEN e.edge_mass ELSE e.mass END)::DOUBLE AS n
    FROM chosen AS c JOIN head_features AS e ON e.accession = c.accession AND e.label = 'residue'
    GROUP BY e.layer, e.head
    HAVING sum(e.n_edges) >= $min_edges AND n > 0
),
by_letter AS (
    SELECT f.label[4:] AS residue, f.layer, f.head,
           sum(CASE $form WHEN 'count' THEN f.n_edges WHEN 'weighted' THEN f.edge_mass ELSE f.mass END)::DOUBLE AS k
    FROM chosen AS c JOIN head_features AS f ON f.accession = c.accession AND f.label LIKE 'aa:_'
    GROUP BY ALL
),
background AS (
    SELECT l.label[4:] AS residue, sum(l.n_labelled) / (SELECT sum(length) FROM chosen) AS background
    FROM chosen AS c JOIN labels AS l ON l.accession = c.accession AND l.label LIKE 'aa:_'
    GROUP BY l.label
)
SELECT residue, layer, head, n_proteins, n_edges, round(coalesce(k, 0) / n, 4) AS p,
       round(background, 4) AS background, round(coalesce(k, 0) / n / background, 2) AS ratio
FROM letters JOIN background USING (residue) CROSS JOIN totals LEFT JOIN by_letter USING (residue, layer, head)
ORDER BY residue, coalesce(k, 0) / n DESC, layer, head
