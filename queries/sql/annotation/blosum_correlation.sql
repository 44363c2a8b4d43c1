-- title: Amino acids that heads take for alike, against BLOSUM62
-- topic: Annotation
-- needs: labels, head_features
-- answers: Are amino acids that replace each other in evolution attended to by the same heads? Every pair of standard
--   amino acids with the correlation of their shares over all reported heads, beside its score in BLOSUM62.
-- parameters:
--   form text count|weighted|mass = count: Edges, the attention of these edges, or all attention without a threshold.
--   proteins proteins = all: Ids to count over, background included.
--   min_edges int 0.. = 100: Fewest edges, over all these proteins, of a head that is reported.
--   replicates int 1..10000 = 1000: Permutations of the amino acids.
--   seed int 0.. = 1: Seed of the permutations; the same seed gives the same p value.
-- columns:
--   first: One-letter code of an amino acid.
--   second: That of the other, later in the alphabet.
--   correlation: Pearson correlation of p of the two over the reported heads; empty where one of them is constant.
--   blosum62: Score of the pair in BLOSUM62, half bits.
--   n_heads: Heads that are reported.
--   r: Pearson correlation of the two columns over all pairs: one number, in every row.
--   r_low: Lower end of its 95 % interval with amino acids, and not their pairs, as what is independent: jackknife of
--     the inverse hyperbolic tangent of r, by Student's t. Empty for fewer than four amino acids.
--   r_high: Upper end.
--   log10_p: Logarithm to base 10 of the two-sided p value of r, a Mantel test: how often |r| is as large with the
--     amino acids of BLOSUM62 permuted, the data counted as one permutation more. One test: nothing to correct for. It
--     cannot be below that of one in `replicates` + 1.
--   n_pairs: Pairs it is of; 190 where every amino acid was probed.
-- grain: first, second
-- source: Vig et al. 2021 (ICLR), who publish r of 0.68 to 0.75; Henikoff and Henikoff 1992 for BLOSUM62;
--   Mantel 1967; jackknife over letters with Student's t.
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
           sum(in_form($form, e.n_edges, e.edge_mass, e.mass)) AS n
    FROM chosen AS c JOIN head_features AS e ON e.accession = c.accession AND e.label = 'residue'
    GROUP BY e.layer, e.head
    HAVING sum(e.n_edges) >= $min_edges AND n > 0
),
by_letter AS (
    SELECT f.label[4:] AS residue, f.layer, f.head,
           sum(in_form($form, f.n_edges, f.edge_mass, f.mass)) AS k
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
),
without_one AS (
    SELECT residue, corr(correlation, blosum62) AS r, count(correlation) AS n
    FROM scored, probed
    WHERE residue NOT IN (first, second)
    GROUP BY residue
    HAVING stddev_pop(correlation) > 1e-9 AND stddev_pop(blosum62) FILTER (correlation IS NOT NULL) > 0
),
jackknife AS (
    SELECT count(*) - 1 AS df, sqrt((count(*) - 1) * var_pop(atanh(least(greatest(r, -1 + 1e-12), 1 - 1e-12)))) AS se,
           se * student_t_quantile(0.025, df) AS half
    FROM without_one
    HAVING count(*) > 3 AND min(n) > 2
),
tickets AS (
    SELECT replicate, residue,
           row_number() OVER (PARTITION BY replicate
                              ORDER BY md5(concat_ws(':', residue, replicate, $seed::BIGINT)), residue) AS place
    FROM probed, range($replicates::BIGINT) AS r(replicate)
),
ordered AS (SELECT residue AS taken, row_number() OVER (ORDER BY residue) AS place FROM probed),
renamed AS (SELECT replicate, residue, taken FROM tickets JOIN ordered USING (place)),
permuted AS (
    SELECT a.replicate, corr(s.correlation, b.blosum62) AS r
    FROM scored AS s
    JOIN renamed AS a ON a.residue = s.first
    JOIN renamed AS o ON o.residue = s.second AND o.replicate = a.replicate
    JOIN blosum AS b ON least(b.one, b.other) = least(a.taken, o.taken)
                        AND greatest(b.one, b.other) = greatest(a.taken, o.taken)
    WHERE s.correlation IS NOT NULL
    GROUP BY a.replicate
    HAVING stddev_pop(s.correlation) > 0
),
mantel AS (
    SELECT log10((1 + count(*) FILTER (coalesce(abs(p.r), 1) >= abs(whole.r) - 1e-9)) / (1 + count(*))) AS log10_p
    FROM permuted AS p, whole
)
SELECT first, second, round(correlation, 4) AS correlation, blosum62, n_heads, round(r, 4) AS r,
       CASE WHEN r IS NOT NULL THEN round(tanh(atanh(r) - half), 4) END AS r_low,
       CASE WHEN r IS NOT NULL THEN round(tanh(atanh(r) + half), 4) END AS r_high,
       CASE WHEN r IS NOT NULL THEN round(log10_p, 2) + 0 END AS log10_p, n_pairs
FROM scored CROSS JOIN whole CROSS JOIN mantel LEFT JOIN jackknife ON true
ORDER BY first, second
