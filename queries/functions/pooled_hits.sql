-- returns: Sites near features, pooled over proteins for each feature type and reach, with tests against chance.
-- notes: hits is a list of structs, one for each protein, type and reach: type, within, n_sites, n_labelled, n_found,
--   n_hits, expected, variance, matched, matched_variance. Columns: type, within, n_proteins, n_sites, n_labelled,
--   n_found, n_hits, precision, recall, background, enrichment, low, high, t, log10_p; the same of residues of the same
--   letters: matched_background, matched_enrichment, matched_low, matched_high, matched_t, matched_log10_p; confidence
--   and note. Corrected for the rows that have sites.
-- source: Jackknife over proteins: Tukey 1958; Cochran 1977, 6.15; Student 1908.
CREATE MACRO pooled_hits(hits) AS TABLE
    WITH of_proteins AS (SELECT unnest(hits, max_depth := 2)),

    totals AS (
        SELECT type, within, count(*) AS n_proteins, count(*) FILTER (expected > 0) AS n_counted,
               count(*) FILTER (matched > 0) AS n_matched, sum(n_sites)::BIGINT AS n_sites,
               sum(n_labelled)::BIGINT AS n_labelled, sum(n_found)::BIGINT AS n_found, sum(n_hits)::BIGINT AS n_hits,
               nullif(sum(expected), 0) AS expected, sum(expected ^ 2) AS expected_squares, sum(variance) AS variance,
               nullif(sum(matched), 0) AS matched, sum(matched ^ 2) AS matched_squares,
               sum(matched_variance) AS matched_variance
        FROM of_proteins
        GROUP BY type, within
    ),

    -- Enrichment is a ratio of two sums over proteins: its error is that of leaving out one protein after the other.
    changes AS (
        SELECT type, within, sum(change_without(p.n_hits, p.expected, t.n_hits, t.expected) ^ 2) AS squares,
               sum(change_without(p.n_hits, p.matched, t.n_hits, t.matched) ^ 2) AS matched_squares
        FROM of_proteins AS p JOIN totals AS t USING (type, within)
        GROUP BY type, within
    ),

    -- Enrichment over chance and over residues of the same letters, each with its error and degrees of freedom.
    errors AS (
        SELECT t.*, count(*) FILTER (n_sites > 0) OVER () AS n_tests,
               n_hits / expected AS enrichment, n_hits / matched AS matched_enrichment,
               error_over_proteins(n_counted, c.squares, variance / expected ^ 2) AS error,
               error_over_proteins(n_matched, c.matched_squares, matched_variance / matched ^ 2) AS matched_error,
               effective_df(n_counted, expected, expected_squares) AS df,
               effective_df(n_matched, matched, t.matched_squares) AS matched_df
        FROM totals AS t JOIN changes AS c USING (type, within)
    ),

    tests AS (
        SELECT *, ratio_test(enrichment - 1, error, df, n_tests) AS test,
               ratio_test(matched_enrichment - 1, matched_error, matched_df, n_tests) AS matched_test
        FROM errors
    )

    SELECT type, within, n_proteins, n_sites, n_labelled, n_found, n_hits, n_hits / nullif(n_sites, 0) AS precision,
           n_found / nullif(n_labelled, 0) AS recall, expected / nullif(n_sites, 0) AS background, enrichment,
           clamped(enrichment - test.reach, 0, enrichment) AS low, enrichment + test.reach AS high, test.t AS t,
           test.log10_p AS log10_p, coalesce(matched, 0) / nullif(n_sites, 0) AS matched_background,
           matched_enrichment, clamped(matched_enrichment - matched_test.reach, 0, matched_enrichment) AS matched_low,
           matched_enrichment + matched_test.reach AS matched_high, matched_test.t AS matched_t,
           matched_test.log10_p AS matched_log10_p, test.confidence AS confidence,
           why_untested(n_counted, df, error) AS note
    FROM tests
