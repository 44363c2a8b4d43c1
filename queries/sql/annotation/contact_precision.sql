-- title: Precision of predicted contacts
-- topic: Annotation
-- needs: contacts, coordinates
-- answers: Are the model's contacts those of the structures? Pooled over what `contact_precision_by_structure` has one
--   by one: the most probable pairs of residues with coordinates, by range (short is |i - j| of 6 to 11, medium 12 to
--   23, long 24 or more). Proteins are the independent units of proteins_low, proteins_high and proteins_log10_p; z and
--   its p value take pairs as independent, which those of a protein are not.
-- parameters:
--   atom text ca|cb = cb: C-alpha, or C-beta (of glycine C-alpha), which the contact head was fitted to.
--   structures text one|all = one: Of each sequence the chain with the most residues, or every chain.
--   proteins proteins = all: Ids to count over.
-- columns:
--   range: How far apart along the sequence: short, medium or long.
--   cut: How many of the best pairs of a structure are looked at: L (its residues with coordinates), L/2 or L/5.
--   n_proteins: Distinct sequences with a structure that has such pairs.
--   n_structures: Chains of structures.
--   n_too_few: Of these, chains of which fewer pairs are stored than were to be looked at: their precision is too high.
--   n_pairs: Pairs looked at.
--   n_contacts: Of these, contacts: nearer than 8 angstrom.
--   precision: Share of contacts, all pairs together.
--   proteins_low: Lower end of the interval of the precision with proteins as the independent units, at the level
--     `confidence`: precision less the reach of what it is beyond the shuffled, by a jackknife over proteins and
--     Student's t. It leaves out the shuffled if and only if proteins_log10_p is below -1.3.
--   proteins_high: Upper end.
--   proteins_t: Student's t of the precision less the shuffled, by the same error.
--   proteins_log10_p: Logarithm to base 10 of its two-sided p value times the number of rows (Bonferroni), 0 at most.
--   confidence: Level of the interval: 1 - 0.05 / number of rows, so that all hold at once with 95 %.
--   note: Why there is no interval and no p value, where there is none.
--   mean_precision: Mean of the precision of each structure, as papers give it.
--   background: Share of contacts among all pairs of the range with coordinates.
--   ratio: Precision over background; 1 is no better than all pairs.
--   shuffled: What precision is if the probabilities of each structure are shuffled over its pairs of the range.
--   z: Two-proportion z of precision against the background, as published. It takes pairs as independent, which those
--     of a protein are not: another question than that of `proteins_t`, and on chance alone it rejects far too often.
--   log10_p: Logarithm to base 10 of the two-sided p value of z, times the number of rows (Bonferroni), 0 at most. Not
--     a p value to believe: see `z`.
-- grain: range, cut
-- source: Rao et al. 2020 for ranges and cuts; interval and test: jackknife over proteins (Tukey 1958; Cochran 1977,
--   6.15) with Student's t.
WITH of_proteins AS (
    SELECT sequence_id, range, cut, divisor, count(*) AS n_structures, count(*) FILTER (n_pairs < n_asked) AS n_too_few,
           sum(n_pairs)::DOUBLE AS n, sum(n_contacts)::DOUBLE AS k,
           sum(n_pairs * n_known_contacts / n_known) AS shuffled,
           sum(chance_variance(n_pairs, n_known_contacts / n_known, n_pairs)) AS by_chance,
           sum(n_known)::DOUBLE AS n_known, sum(n_known_contacts)::DOUBLE AS k_known,
           sum(n_contacts / nullif(n_pairs, 0)) AS precisions
    FROM chain_contacts($atom, $structures, $proteins)
    WHERE n_known > 0
    GROUP BY ALL
),

totals AS (
    SELECT range, cut, divisor, count(*) AS n_proteins, count(*) FILTER (n > 0) AS n_counted,
           sum(n_structures)::BIGINT AS n_structures, sum(n_too_few)::BIGINT AS n_too_few, sum(n) AS n, sum(k) AS k,
           sum(n * n) AS nn, sum(shuffled) AS shuffled, sum(by_chance) AS by_chance, sum(n_known) AS n_known,
           sum(k_known) AS k_known, sum(precisions) / sum(n_structures) AS mean_precision, count(*) OVER () AS n_rows
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

SELECT range, cut, n_proteins, n_structures, n_too_few, n::BIGINT AS n_pairs, k::BIGINT AS n_contacts,
       round(p, 4) AS precision, round(clamped(p - test.reach, 0, 1), 4) AS proteins_low,
       round(clamped(p + test.reach, 0, 1), 4) AS proteins_high,
       round(mean_precision, 4) AS mean_precision, round(background, 4) AS background,
       round(p / nullif(tests.background, 0), 2) AS ratio, round(shuffled, 4) AS shuffled,
       round(test.t, 2) + 0 AS proteins_t, round(test.log10_p, 2) + 0 AS proteins_log10_p,
       round(test.confidence, 6) AS confidence, why_untested(n_counted, df, error) AS note,
       round(tests.z, 2) AS z, round(bonferroni(normal_log10_tail(tests.z), n_rows), 2) + 0 AS log10_p
FROM tests
ORDER BY CASE range WHEN 'short' THEN 1 WHEN 'medium' THEN 2 ELSE 3 END, divisor, range, cut
