-- title: Heads that compare repeats with one another
-- topic: Heads
-- needs: head_periods, features
-- answers: Which heads attend from a residue of a repeat to the aligned residue of the repeat before or after? For
--   every protein with UniProt's Repeat features, the weight at the period of its own repeats is compared with
--   proteins without repeats at the same period (background) and with the same protein at other periods (null). A
--   weight is a mean over the whole chain, so it is small if repeats cover little of the chain or if their spacing
--   varies.
-- parameters:
--   min_at_period int 1.. = 1: Fewest neighbouring copies of a protein that are one period apart.
--   proteins proteins = all: Ids to count over, background included.
-- columns:
--   n_proteins: Distinct sequences with two repeats or more, for which their own period and other periods were
--     probed.
--   n_background: Distinct sequences without a repeat, at the period for which there are most of them.
--   before: Weight from a residue to the residue one period before, at the period of the repeats of its protein: mean
--     over residues that have one, then over proteins.
--   after: The same for the residue one period after.
--   background_before: `before` at the same periods in sequences without repeats: mean over those, then over
--     proteins.
--   background_after: `after` at the same periods in sequences without repeats.
--   others: Weight before or after in the same proteins at the other probed periods, at which the protein has no two
--     copies.
--   background_others: The same in sequences without repeats.
--   ratio: How many times the background the weight before and after is, divided by the same number at the other
--     periods: geometric means over those periods and over proteins. It is 1 if the period of the repeats is like any
--     other.
--   ratio_low: Lower end of its interval, with proteins as the independent units, at the level `confidence`, by
--     Student's t of its logarithm, because a few proteins of nearly identical repeats have most of the weight. It
--     leaves out 1 if and only if log10_p is below -1.3. Homologous proteins are not independent.
--   ratio_high: Upper end.
--   t: Student's t of its logarithm, by the same error.
--   log10_p: Logarithm to base 10 of its two-sided p value times the number of heads (Bonferroni), 0 at most.
--   confidence: Level of the interval: 1 - 0.05 / number of heads, so that all hold at once with 95 %.
--   note: Why a row has no interval and no p value; empty if it has them.
-- grain: layer, head
-- source: Induction heads of protein language models: arXiv 2602.23179; interval and test over proteins: Student's t.
WITH weights AS (
    -- A weight of 0 has no logarithm, and does not count.
    SELECT *, (before + after) / 2 AS weight, (background_before + background_after) / 2 AS background,
           ln(nullif(before + after, 0) / nullif(background_before + background_after, 0)) AS log_ratio
    FROM weights_at_periods($proteins, $min_at_period)
),

-- For each protein, the weight at its own period and its mean at the other periods.
of_proteins AS (
    SELECT layer, head, sequence_id, max(n_background) AS n_background,
           any_value(before) FILTER (is_period) AS before, any_value(after) FILTER (is_period) AS after,
           any_value(background_before) FILTER (is_period) AS background_before,
           any_value(background_after) FILTER (is_period) AS background_after,
           avg(weight) FILTER (is_other) AS others, avg(background) FILTER (is_other) AS background_others,
           any_value(log_ratio) FILTER (is_period) - avg(log_ratio) FILTER (is_other) AS log_ratio
    FROM weights
    GROUP BY layer, head, sequence_id
    HAVING any_value(log_ratio) FILTER (is_period) IS NOT NULL AND avg(log_ratio) FILTER (is_other) IS NOT NULL
),

-- Means over proteins.
heads_reported AS (
    SELECT layer, head, count(*) AS n_proteins, max(n_background) AS n_background, avg(before) AS before,
           avg(after) AS after, avg(background_before) AS background_before, avg(background_after) AS background_after,
           avg(others) AS others, avg(background_others) AS background_others, avg(log_ratio) AS log_ratio,
           mean_error(log_ratio) AS error, CASE WHEN count(*) >= fewest_proteins() THEN count(*) - 1 END AS df,
           count(*) OVER () AS n_heads
    FROM of_proteins
    GROUP BY layer, head
),

tests AS (SELECT *, ratio_test(log_ratio, error, df, n_heads) AS test FROM heads_reported)

SELECT layer, head, n_proteins, n_background, round(before, 5) AS before, round(after, 5) AS after,
       round(background_before, 5) AS background_before, round(background_after, 5) AS background_after,
       round(others, 5) AS others, round(background_others, 5) AS background_others,
       round(exp(log_ratio), 3) AS ratio, round(exp(log_ratio - test.reach), 3) AS ratio_low,
       round(exp(log_ratio + test.reach), 3) AS ratio_high, round(test.t, 2) + 0 AS t,
       round(test.log10_p, 2) + 0 AS log10_p, round(test.confidence, 6) AS confidence,
       why_untested(n_proteins, df, error) AS note
FROM tests
ORDER BY log_ratio DESC, layer, head
