-- title: Amino acids that heads treat alike, against BLOSUM62
-- topic: Annotation
-- needs: labels, head_features
-- answers: Are amino acids that replace each other in evolution attended to by the same heads? Every pair of standard
--   amino acids has the correlation of their shares over all reported heads, and its score in BLOSUM62.
-- parameters:
--   form text count|weighted|mass = count: Edges, the attention of these edges, or all attention without a threshold.
--   proteins proteins = all: Ids to count over, background included.
--   min_edges int 0.. = 100: Fewest edges, over all these proteins, of a head that is reported.
-- columns:
--   first: One-letter code of one amino acid.
--   second: One-letter code of the other, which is later in the alphabet.
--   correlation: Pearson correlation of p of the two amino acids over the reported heads; empty if one of them is
--     constant.
--   blosum62: Score of the pair in BLOSUM62, half bits.
--   n_heads: Heads that are reported.
--   r: Pearson correlation of the columns `correlation` and `blosum62` over all pairs: one number, the same in every
--     row.
--   r_low: Lower end of its 95 % interval, with amino acids, not pairs, as the independent units: jackknife of the
--     inverse hyperbolic tangent of r, by Student's t. Empty for fewer than five amino acids.
--   r_high: Upper end.
--   log10_p: Logarithm to base 10 of the two-sided p value of r against 0, by the same error and Student's t. It is a
--     single test without correction. It is below -1.3 if and only if the interval leaves out 0. Pairs share their
--     letters, which makes the jackknife cautious.
--   n_pairs: Pairs of which r is computed; 190 if every amino acid was probed.
-- grain: first, second
-- source: Vig et al. 2021 (ICLR), who publish r of 0.68 to 0.75; Henikoff and Henikoff 1992 for BLOSUM62;
--   Fisher 1921 for the transform; jackknife over letters (Tukey 1958) with Student's t.
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

-- Each row above has the scores against the letters before it, in the order of the published matrix.
blosum AS (
    SELECT least(residue, earlier) AS first, greatest(residue, earlier) AS second, blosum62
    FROM (
        SELECT residue, unnest(scores) AS blosum62,
               unnest(string_split('ARNDCQEGHILKMFPSTWYV', '')[:len(scores)]) AS earlier
        FROM blosum_rows
    )
),

letters AS (SELECT unnest(string_split('ACDEFGHIKLMNPQRSTVWY', '')) AS residue),

-- Every protein of the probe, each sequence once.
probed_proteins AS (
    SELECT min(accession) AS accession
    FROM labels
    WHERE label = 'residue'
          AND ($proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[])))
    GROUP BY sequence_id
),

-- Heads with enough edges to be judged.
heads_reported AS (
    SELECT e.layer, e.head, sum(in_form($form, e.n_edges, e.edge_mass, e.mass)) AS n
    FROM probed_proteins AS c JOIN head_features AS e ON e.accession = c.accession AND e.label = 'residue'
    GROUP BY e.layer, e.head
    HAVING sum(e.n_edges) >= $min_edges AND n > 0
),

-- What each letter receives from a head, in the form of the parameter.
by_letter AS (
    SELECT f.label[4:] AS residue, f.layer, f.head, sum(in_form($form, f.n_edges, f.edge_mass, f.mass)) AS k
    FROM probed_proteins AS c JOIN head_features AS f ON f.accession = c.accession AND f.label LIKE 'aa:_'
    GROUP BY ALL
),

probed_letters AS (SELECT DISTINCT residue FROM by_letter SEMI JOIN letters USING (residue)),

-- A letter without a row of a head received nothing from it.
shares AS (
    SELECT residue, layer, head, coalesce(k, 0) / n AS p
    FROM probed_letters CROSS JOIN heads_reported LEFT JOIN by_letter USING (residue, layer, head)
),

-- Two letters are alike if heads treat them alike: the correlation of their shares over heads.
pairs AS (
    SELECT a.residue AS first, b.residue AS second, count(*) AS n_heads,
           CASE WHEN stddev_pop(a.p) > 0 AND stddev_pop(b.p) > 0 THEN corr(a.p, b.p) END AS correlation
    FROM shares AS a JOIN shares AS b ON b.layer = a.layer AND b.head = a.head AND b.residue > a.residue
    GROUP BY a.residue, b.residue
),

scored_pairs AS (SELECT p.*, blosum62 FROM pairs AS p JOIN blosum USING (first, second)),

-- r over all pairs, and over those that are left without one letter.
correlation_of_all AS (
    SELECT count(correlation) AS n_pairs,
           CASE WHEN stddev_pop(correlation) > 0 AND stddev_pop(blosum62) FILTER (correlation IS NOT NULL) > 0
                THEN corr(correlation, blosum62) END AS r
    FROM scored_pairs
),

without_letter AS (
    SELECT residue, corr(correlation, blosum62) AS r, count(correlation) AS n_pairs
    FROM scored_pairs, probed_letters
    WHERE residue NOT IN (first, second)
    GROUP BY residue
    HAVING stddev_pop(correlation) > 1e-9 AND stddev_pop(blosum62) FILTER (correlation IS NOT NULL) > 0
),

-- The inverse hyperbolic tangent of 1 is infinite: an r of 1 is kept just below.
jackknife AS (
    SELECT count(*) - 1 AS df, sqrt(df * var_pop(atanh(clamped(r, -1 + 1e-12, 1 - 1e-12)))) AS error
    FROM without_letter
    HAVING count(*) > 4 AND min(n_pairs) > 2
),

tests AS (
    SELECT *, atanh(r) AS z, ratio_test(atanh(r), error, df, 1) AS test
    FROM correlation_of_all LEFT JOIN jackknife ON true
)

SELECT first, second, round(correlation, 4) AS correlation, blosum62, n_heads, round(r, 4) AS r,
       round(tanh(z - test.reach), 4) AS r_low, round(tanh(z + test.reach), 4) AS r_high,
       round(test.log10_p, 2) + 0 AS log10_p, n_pairs
FROM scored_pairs CROSS JOIN tests
ORDER BY first, second
