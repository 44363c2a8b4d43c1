-- title: Precision of predicted contacts
-- topic: Annotation
-- needs: contacts, coordinates
-- answers: Are the model's contacts those of the structures? Pooled over what `contact_precision_by_structure` has one
--   by one: the most probable pairs of residues with coordinates, by range (short is |i - j| of 6 to 11, medium 12 to
--   23, long 24 or more). z and its p value take pairs as independent; those of a protein are not, and where precision
--   differs from protein to protein they find too much: believe what is over proteins.
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
--   proteins_low: Lower end of its interval with whole proteins as what is independent, of 95 % over all rows at once
--     (Bonferroni), by Student's t. Empty for one protein, and where all agree.
--   proteins_high: Upper end.
--   proteins_t: Student's t of the contacts of a protein beyond the shuffled, mean over proteins over its standard
--     error. Empty where all proteins agree.
--   proteins_log10_p: Logarithm to base 10 of its two-sided p value times the number of rows (Bonferroni), 0 at most.
--   mean_precision: Mean of the precision of each structure, as papers give it.
--   background: Share of contacts among all pairs of the range with coordinates.
--   ratio: Precision over background; 1 is no better than all pairs.
--   shuffled: What precision is if the probabilities of each structure are shuffled over its pairs of the range.
--   z: Two-proportion z of precision against background.
--   log10_p: Logarithm to base 10 of its two-sided p value times the number of rows (Bonferroni), 0 at most.
-- grain: range, cut
-- source: Rao et al. 2020 for ranges and cuts; interval over proteins: linearised, Cochran 1977, 6.4, with Student's t.
WITH proteins_found AS (
    SELECT sequence_id, range, cut, divisor, count(*) AS n_structures, count(*) FILTER (n_pairs < n_asked) AS n_too_few,
           sum(n_pairs)::DOUBLE AS n, sum(n_contacts)::DOUBLE AS k,
           sum(n_pairs * n_known_contacts / n_known) AS shuffled, sum(n_known)::DOUBLE AS n_known,
           sum(n_known_contacts)::DOUBLE AS k_known, sum(n_contacts / nullif(n_pairs, 0)) AS precisions
    FROM chain_contacts($atom, $structures, $proteins)
    WHERE n_known > 0
    GROUP BY ALL
),
pooled AS (
    SELECT range, cut, divisor, count(*) AS n_proteins, sum(n_structures)::BIGINT AS n_structures,
           sum(n_too_few)::BIGINT AS n_too_few, sum(n) AS n, sum(k) AS k, sum(k) / nullif(sum(n), 0) AS p,
           sum(k_known) / sum(n_known) AS background, sum(n_known) AS n_known, sum(k_known) AS k_known,
           sum(k * k) AS kk, sum(k * n) AS kn, sum(n * n) AS nn, sum(shuffled) / nullif(sum(n), 0) AS shuffled,
           sum(k - shuffled) AS d, sum((k - shuffled) ^ 2) AS dd, sum(precisions) / sum(n_structures) AS mean_precision,
           count(*) OVER () AS n_rows, count(*) - 1 AS df
    FROM proteins_found
    GROUP BY range, cut, divisor
),
tested AS (
    SELECT *, one_sample_t(n_proteins, d, dd) AS t, two_proportion_z(k, n, k_known, n_known) AS z,
           ratio_error(n_proteins, p, n, kk, kn, nn) * student_t_quantile(0.025 / n_rows, df) AS reach
    FROM pooled
)
SELECT range, cut, n_proteins, n_structures, n_too_few, n::BIGINT AS n_pairs, k::BIGINT AS n_contacts,
       round(p, 4) AS precision, round(clamped(p - reach, 0, 1), 4) AS proteins_low,
       round(clamped(p + reach, 0, 1), 4) AS proteins_high,
       round(mean_precision, 4) AS mean_precision, round(background, 4) AS background,
       round(p / nullif(background, 0), 2) AS ratio, round(shuffled, 4) AS shuffled, round(t, 2) + 0 AS proteins_t,
       round(bonferroni(student_t_log10_tail(t, df), n_rows), 2) + 0 AS proteins_log10_p,
       round(tested.z, 2) AS z, round(bonferroni(normal_log10_tail(tested.z), n_rows), 2) + 0 AS log10_p
FROM tested
ORDER BY CASE range WHEN 'short' THEN 1 WHEN 'medium' THEN 2 ELSE 3 END, divisor, range, cut
