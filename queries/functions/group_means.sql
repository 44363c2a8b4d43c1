-- returns: Means of a measure over pairs of proteins beside a baseline, with intervals and tests over homology
--   groups.
-- notes: judged is a list of structs, one for each value: family, key, homology_group, value, baseline. A row for
--   each family and key: n_groups, n_values, mean, baseline, low, high, t, log10_p, confidence, note, n_tests.
--   Corrected for the keys of a family. Values that are empty count for nothing; a group weighs as much as it has
--   values. Where every value is 0, as where no pair has a contact among its best, only the baseline varies, which
--   says nothing of the error of the value: there is no interval.
-- source: Jackknife over groups: Tukey 1958; Cochran 1977, 6.15; Student 1908.
CREATE MACRO group_means(judged) AS TABLE
    WITH values_of_pairs AS (SELECT unnest(judged, max_depth := 2)),

    -- Pairs of one homology group are not independent: each group is summed first, and counts by its values.
    of_groups AS (
        SELECT family, key, homology_group, count(*)::DOUBLE AS n, sum(value) AS value, sum(baseline) AS baseline
        FROM values_of_pairs
        WHERE value IS NOT NULL AND baseline IS NOT NULL
        GROUP BY family, key, homology_group
    ),

    totals AS (
        SELECT family, key, count(*) AS n_groups, sum(n) AS n, sum(n ^ 2) AS n_squares, sum(value) AS value,
               sum(baseline) AS baseline
        FROM of_groups
        GROUP BY family, key
    ),

    -- The mean is a ratio of two sums over groups: its error is that of leaving out one group after the other.
    changes AS (
        SELECT family, key,
               sum(change_without(g.value - g.baseline, g.n, t.value - t.baseline, t.n) ^ 2) AS squares
        FROM of_groups AS g JOIN totals AS t USING (family, key)
        GROUP BY family, key
    ),

    -- Mean, error and degrees of freedom of each key. Where every value is 0, there is no error.
    errors AS (
        SELECT t.*, t.value / t.n AS mean, t.baseline / t.n AS mean_baseline,
               count(*) OVER (PARTITION BY family) AS n_tests,
               CASE WHEN t.value <> 0 THEN error_over_proteins(t.n_groups, squares, 0) END AS error,
               effective_df(t.n_groups, t.n, t.n_squares) AS df
        FROM totals AS t JOIN changes USING (family, key)
    ),

    tests AS (SELECT *, ratio_test(mean - mean_baseline, error, df, n_tests) AS test FROM errors)

    SELECT family, key, n_groups, n::BIGINT AS n_values, mean, mean_baseline AS baseline, mean - test.reach AS low,
           mean + test.reach AS high, test.t AS t, test.log10_p AS log10_p, test.confidence AS confidence,
           CASE WHEN n_groups < fewest_proteins() THEN 'fewer than ' || fewest_proteins() || ' homology groups'
                WHEN df IS NULL THEN 'nearly all is of one homology group'
                WHEN mean = 0 THEN 'every value is 0'
                WHEN error IS NULL THEN 'all homology groups agree' END AS note, n_tests
    FROM tests
