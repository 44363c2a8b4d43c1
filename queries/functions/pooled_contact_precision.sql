-- returns: Precision of the pairs of highest score, all structures together, for each range and cut, with its interval
--   and test.
-- notes: Parameters as in `chain_contacts`. Columns: range, cut, divisor of L, and those of the question
--   contact_precision.
-- source: Rao et al. 2020 for ranges and cuts; jackknife over proteins: Tukey 1958; Cochran 1977, 6.15.
CREATE MACRO pooled_contact_precision(atom, structures, ids, method) AS TABLE
    WITH of_proteins AS (
        SELECT sequence_id, range, cut, divisor, count(*) AS n_structures,
               count(*) FILTER (n_pairs < n_asked) AS n_too_few,
               sum(n_pairs)::DOUBLE AS n, sum(n_contacts)::DOUBLE AS k,
               sum(n_pairs * n_known_contacts / n_known) AS shuffled,
               sum(chance_variance(n_pairs, n_known_contacts / n_known, n_pairs)) AS by_chance,
               sum(n_known)::DOUBLE AS n_known, sum(n_known_contacts)::DOUBLE AS k_known,
               sum(n_contacts / nullif(n_pairs, 0)) AS precisions
        FROM chain_contacts(atom, structures, ids, method)
        WHERE n_known > 0
        GROUP BY ALL
    ),

    totals AS (
        SELECT range, cut, divisor, count(*) AS n_proteins, count(*) FILTER (n > 0) AS n_counted,
               sum(n_structures)::BIGINT AS n_structures, sum(n_too_few)::BIGINT AS n_too_few, sum(n) AS n, sum(k) AS k,
               sum(n * n) AS nn, sum(shuffled) AS shuffled, sum(by_chance) AS by_chance, sum(n_known) AS n_known,
               sum(k_known) AS k_known, sum(precisions) / sum(n_structures) AS mean_precision,
               count(*) OVER () AS n_rows
        FROM of_proteins
        GROUP BY range, cut, divisor
    ),

    -- What precision is beyond the shuffled is tested, so its change without each protein is what counts.
    changes AS (
        SELECT range, cut, sum(change_without(p.k - p.shuffled, p.n, t.k - t.shuffled, t.n) ^ 2) AS squares
        FROM of_proteins AS p JOIN totals AS t USING (range, cut)
        WHERE t.n > 0
        GROUP BY range, cut
    ),

    -- Precision and background, with the error over proteins.
    pooled AS (
        SELECT t.* EXCLUDE (shuffled), k / nullif(n, 0) AS p, k_known / n_known AS background,
               shuffled / nullif(n, 0) AS shuffled, error_over_proteins(n_counted, squares, by_chance / n ^ 2) AS error,
               effective_df(n_counted, n, nn) AS df
        FROM totals AS t LEFT JOIN changes USING (range, cut)
    ),

    tests AS (
        SELECT *, ratio_test(p - shuffled, error, df, n_rows) AS test, two_proportion_z(k, n, k_known, n_known) AS z
        FROM pooled
    )

    SELECT range, cut, divisor, n_proteins, n_structures, n_too_few, n::BIGINT AS n_pairs, k::BIGINT AS n_contacts,
           round(p, 4) AS precision, round(clamped(p - test.reach, 0, 1), 4) AS proteins_low,
           round(clamped(p + test.reach, 0, 1), 4) AS proteins_high,
           round(mean_precision, 4) AS mean_precision, round(background, 4) AS background,
           round(p / nullif(tests.background, 0), 2) AS ratio, round(shuffled, 4) AS shuffled,
           round(test.t, 2) + 0 AS proteins_t, round(test.log10_p, 2) + 0 AS proteins_log10_p,
           round(test.confidence, 6) AS confidence, why_untested(n_counted, df, error) AS note,
           round(tests.z, 2) AS z, round(bonferroni(normal_log10_tail(tests.z), n_rows), 2) + 0 AS log10_p
    FROM tests
