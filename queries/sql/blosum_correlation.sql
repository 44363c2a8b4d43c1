-- title: Amino acids that heads take for alike, against BLOSUM62
-- topic: Annotation
-- needs: labels, head_features
-- answers: Are amino acids that replace each other in evolution attended to by the same heads? Every pair of standard
--   amino acids with the correlation of their shares over all reported heads, beside its score in BLOSUM62.
-- parameters:
--   form text count|weighted|mass = count: Edges, the attention of these edges, or all attention without a threshold.
--   proteins proteins = all: Ids to count over, background included.
--   min_edges int 0.. = 100: Fewest edges, over all these proteins, of a head that is reported.
-- columns:
--   first: One-letter code of an amino acid.
--   second: That of the other, later in the alphabet.
--   correlation: Pearson correlation of p of the two over the reported heads; empty where one of them is constant.
--   blosum62: Score of the pair in BLOSUM62, half bits.
--   n_heads: Heads that are reported.
--   r: Pearson correlation of the two columns over all pairs: one number, in every row.
--   n_pairs: Pairs it is of; 190 where every amino acid was probed.
-- grain: first, second
-- source: Vig et al. 2021 (ICLR), who publish r of 0.68 to 0.75; Henikoff and Henikoff 1992 for BLOSUM62.
WITH blosum_rows (residue, scores) AS (
    VALUES ('R', [-1]), ('N', [-2, 0]), ('D', [-2, -2, 1]), ('C', [0, -3, -3, -3]), ('Q', [-1, 1, 0, 0, -3]),
           ('E', [-1, 0, 0, 2, -4, 2]), ('G', [0, -2, 0, -1, -3, -2, -2]), ('H', [-2, 0, 1, -1, -3, 0, 0, -2]),
           ('I', [-1, -3, -3, -3, -1, -3, -3, -4, -3]), ('L', [-1, -2, -3, -4, -1, -2, -3, -4, -3, 2]),
           ('K', [-1, 2, 0, -1, -3, 1, 1, -2, -1, -3, -2]), ('M', [-1, -1, -2, -3, -1, 0, -2, -3, -2, 1, 2, -1]),
           ('F', [-2, -3, -3, -3, -2, -3, -3, -3, -1, 0, 0, -3, 0]),
           ('P', [-1, -2, -2, -1, -3, -1, -1, -2, -2, -3, -3, -1, -2, -4]),
           ('S', [1, -1, 1, 0, -1, 0, 0, 0, -1, -2, -2, 0, -1, -2, -1]),
           ('T', [0, -1, 0, -1, -1, -1, -1, -2, -2, -1, -1, -1, -1, -2, -1, 1]),
           ('W', [-3, -3, -4, -4, -2, -2, -3, -2, -2, -3, -2, -3, -1, 1, -4, -3, -2]),
           ('Y', [-2, -2, -2, -3, -2, -1, -2, -3, 2, -1, -1, -2, -1, 3, -3, -2, -2, 2]),
           ('V', [0, -3, -3, -3, -1, -2, -2, -3, -3, 3, 1, -2, 1, -1, -2, -2, 0, -3, -1])
),
blosum AS (
    SELECT residue AS one, unnest(scores) AS blosum62,
           unnest(string_split('ARNDCQEGHILKMFPSTWYV', '')[:len(scores)]) AS other
    FROM blosum_rows
),
letters AS (SELECT unnest(string_split('ACDEFGHIKLMNPQRSTVWY', '')) AS residue),
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
probed AS (SELECT DISTINCT residue FROM by_letter SEMI JOIN letters USING (residue)),
shares AS (
    SELECT residue, layer, head, coalesce(k, 0) / n AS p
    FROM probed CROSS JOIN totals LEFT JOIN by_letter USING (residue, layer, head)
),
pairs AS (
    SELECT a.residue AS first, b.residue AS second, count(*) AS n_heads,
           CASE WHEN stddev_pop(a.p) > 0 AND stddev_pop(b.p) > 0 THEN corr(a.p, b.p) END AS correlation
    FROM shares AS a JOIN shares AS b ON b.layer = a.layer AND b.head = a.head AND b.residue > a.residue
    GROUP BY first, second
),
scored AS (
    SELECT p.*, blosum62
    FROM pairs AS p JOIN blosum ON least(one, other) = first AND greatest(one, other) = second
),
whole AS (
    SELECT count(correlation) AS n_pairs,
           CASE WHEN stddev_pop(correlation) > 0 AND stddev_pop(blosum62) FILTER (correlation IS NOT NULL) > 0
                THEN corr(correlation, blosum62) END AS r
    FROM scored
)
SELECT first, second, round(correlation, 4) AS correlation, blosum62, n_heads, round(r, 4) AS r, n_pairs
FROM scored, whole
ORDER BY first, second
