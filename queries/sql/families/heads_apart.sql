-- title: Heads that differ most between two sets of proteins
-- topic: Families
-- answers: Which heads behave differently on my proteins than on others, and in which statistic? Counted over
--   distinct sequences of ten residues or more; a sequence of the first set is not in the second. Several statistics
--   depend on length: compare sets of similar lengths, or the difference only shows the lengths.
-- parameters:
--   proteins proteins: Ids of the first set.
--   other_proteins proteins = all: Ids of the second set; by default all other proteins of the atlas.
-- columns:
--   statistic: Column of `heads`; edges are counted per residue.
--   mean: Mean over the first set.
--   mean_against: Mean over the second set.
--   effect: Difference of the means in standard deviations within the sets, Cohen's d. If a set is a single sequence,
--     the deviation is that of the other set.
--   t: Difference over its standard error, Welch's t. Empty for a set of one sequence; for fewer than five sequences
--     it is mostly chance.
--   n_sequences: Sequences of the first set.
--   n_against: Sequences of the second set.
-- example: proteins=P07550,P08100,P14416,P29274
-- grain: layer, head, statistic
-- source: Cohen 1988; Welch 1947. Thousands of comparisons: by chance alone, some |t| come near 4.
WITH sequence_sets AS (
    SELECT min(accession) AS accession, any_value(length) AS length,
           bool_or(accession IN (SELECT unnest($proteins::VARCHAR[]))) AS is_first,
           bool_or($other_proteins IS NULL OR accession IN (SELECT unnest($other_proteins::VARCHAR[]))) AS is_second
    FROM proteins
    WHERE status = 'ok' AND length >= 10
    GROUP BY sequence_id
),

-- Head statistics of the sequences of either set.
statistics AS (
    SELECT s.is_first, h.* EXCLUDE (accession, sequence_id, n_edges), h.n_edges / s.length AS edges_per_residue
    FROM heads AS h JOIN sequence_sets AS s USING (accession)
    WHERE s.is_first OR s.is_second
),

-- Mean and variance of every statistic at once.
moments AS (
    SELECT layer, head, is_first, count(*) AS n,
           {'mean': avg(COLUMNS(* EXCLUDE (layer, head, is_first))),
            'variance': var_samp(COLUMNS(* EXCLUDE (layer, head, is_first)))}
    FROM statistics
    GROUP BY layer, head, is_first
),

-- A row for each statistic of a head.
long AS (UNPIVOT moments ON COLUMNS(* EXCLUDE (layer, head, is_first, n)) INTO NAME statistic VALUE moment),

-- Both sets side by side.
pairs_of_sets AS (
    SELECT a.layer, a.head, a.statistic, a.n AS n_a, b.n AS n_b, a.moment.mean AS mean_a, b.moment.mean AS mean_b,
           coalesce(a.moment.variance, 0) AS variance_a, coalesce(b.moment.variance, 0) AS variance_b
    FROM long AS a JOIN long AS b USING (layer, head, statistic)
    WHERE a.is_first AND NOT b.is_first
),

-- Cohen's d with the pooled variance, and Welch's t.
effects AS (
    SELECT *,
           (mean_a - mean_b)
           / nullif(sqrt(((n_a - 1) * variance_a + (n_b - 1) * variance_b) / nullif(n_a + n_b - 2, 0)), 0) AS effect,
           CASE WHEN n_a > 1 AND n_b > 1
                THEN (mean_a - mean_b) / nullif(sqrt(variance_a / n_a + variance_b / n_b), 0) END AS t
    FROM pairs_of_sets
)

SELECT layer, head, statistic, round(mean_a, 4) AS mean, round(mean_b, 4) AS mean_against, round(effect, 2) AS effect,
       round(t, 2) AS t, n_a AS n_sequences, n_b AS n_against
FROM effects
ORDER BY abs(effects.effect) DESC NULLS LAST, layer, head, statistic
