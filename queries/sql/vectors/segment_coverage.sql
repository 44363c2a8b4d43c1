-- title: Annotated regions at the most attended segments of pairs
-- topic: Vectors
-- needs: pair_segments, features
-- answers: Do the most attended segments of two proteins lie on annotated regions more often than segments drawn at
--   random? Each protein is cut into ten segments. The published analysis has only the share; here the share by
--   chance is added: for each pair the hypergeometric distribution of as many of its segments. Long features touch
--   most segments, so a share near 1 may be chance. Pairs that share a protein are not independent, but the p value
--   treats them as if they were. The attention is that of the language model on both sequences, not that of
--   ESM2_AMP's own encoder: this is an analogue.
-- parameters:
--   types texts of features.type = all: Types of features, such as `Domain`.
--   layers ints = all: Layers to list, from 0.
--   n int 1..19 = 3: Number of most attended segments that are taken in a pair.
--   queries text all|within|across = all: Whose attention counts: that of all segments, of those of the same protein,
--     or of those of the partner.
-- columns:
--   n_pairs: Pairs in which one segment touches such a feature and another does not.
--   n_segments: Segments taken, in all these pairs.
--   n_touching: Segments among them that touch a feature of the type.
--   share: n_touching over n_segments.
--   expected: The share if as many segments of each pair were drawn at random.
--   enrichment: Share over expected.
--   z: Difference in standard deviations of chance.
--   log10_p: Logarithm to base 10 of the two-sided p value by the normal distribution, times the number of rows
--     (Bonferroni), 0 at most; for few pairs it is too small.
-- example: n=3
-- grain: form, layer, type
-- source: Sun et al. 2025 (ESM2_AMP) for the analysis, whose code looks at the 3 most attended of 20 segments.
WITH received AS (
    SELECT pair_id, form, layer, key_segment, any_value(accession) AS accession, any_value(partner) AS partner,
           avg(weight) AS weight
    FROM pair_segments
    WHERE ($layers IS NULL OR list_contains($layers::INTEGER[], layer))
          AND ($queries = 'all' OR ((segment < 10) = (key_segment < 10)) = ($queries = 'within'))
    GROUP BY pair_id, form, layer, key_segment
),

-- The first and the last residue of each segment; the first of the ten segments may have one residue more.
places AS (
    SELECT DISTINCT r.pair_id, r.key_segment, p.accession AS protein, key_segment % 10 AS number, p.length,
           p.length // 10 * number + least(number, p.length % 10) + 1 AS first_residue,
           p.length // 10 * (number + 1) + least(number + 1, p.length % 10) AS last_residue
    FROM received AS r
    JOIN proteins AS p ON p.accession = CASE WHEN r.key_segment < 10 THEN r.accession ELSE r.partner END
),

-- Segments are ordered by what a residue of them receives, because segments of a longer protein have more residues.
segment_choices AS (
    SELECT r.pair_id, r.form, r.layer, r.key_segment,
           row_number() OVER (
               PARTITION BY r.pair_id, r.form, r.layer
               ORDER BY r.weight / (p.last_residue - p.first_residue + 1) DESC, r.key_segment
           ) <= $n AS is_chosen
    FROM received AS r JOIN places AS p USING (pair_id, key_segment)
),

-- Features that touch a segment.
segment_features AS (
    SELECT DISTINCT p.pair_id, p.key_segment, f.type
    FROM places AS p JOIN features AS f ON f.accession = p.protein
    WHERE f.begin <= p.last_residue AND f.end >= p.first_residue
          AND ($types IS NULL OR list_contains($types::VARCHAR[], f.type))
),

feature_types AS (SELECT DISTINCT pair_id, type FROM segment_features),

-- Of each pair: its segments, those chosen, and how many of either touch a feature of the type.
counts AS (
    SELECT c.form, c.layer, f.type, c.pair_id, count(*) AS n_all, count(*) FILTER (c.is_chosen) AS n_chosen,
           count(t.type) AS n_touching_all, count(t.type) FILTER (c.is_chosen) AS n_touching
    FROM segment_choices AS c JOIN feature_types AS f USING (pair_id)
    LEFT JOIN segment_features AS t ON t.pair_id = c.pair_id AND t.key_segment = c.key_segment AND t.type = f.type
    GROUP BY c.form, c.layer, f.type, c.pair_id
    HAVING count(t.type) < count(*)
),

-- Touching segments over all pairs, beside the number that a draw of as many would give.
sums AS (
    SELECT form, layer, type, count(*) AS n_pairs, sum(n_chosen) AS n_segments, sum(n_touching) AS n_touching,
           sum(n_chosen * n_touching_all / n_all) AS expected,
           sum(hypergeometric_variance(n_chosen, n_touching_all, n_all)) AS variance
    FROM counts
    GROUP BY form, layer, type
),

tests AS (
    SELECT *, CASE WHEN variance > 0 THEN (n_touching - expected) / sqrt(variance) END AS z,
           count(*) OVER () AS n_rows
    FROM sums
)

SELECT form, layer, type, n_pairs, n_segments::INTEGER AS n_segments, n_touching::INTEGER AS n_touching,
       round(n_touching / n_segments, 3) AS share, round(expected / n_segments, 3) AS expected,
       round(n_touching / nullif(tests.expected, 0), 2) AS enrichment, round(z, 2) + 0 AS z,
       round(bonferroni(normal_log10_tail(z), n_rows), 2) + 0 AS log10_p
FROM tests
ORDER BY form, type, layer
