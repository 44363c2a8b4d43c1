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
--     (Bonferroni), by Student's t. Empty for one protein.
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
-- source: Rao et al. 2020 for ranges and cuts; interval over proteins: Cochran 1977, 6.4; Wallace 1959 for t as a
--   normal deviate (too wide for fewer than five proteins); Abramowitz and Stegun 26.2.23 for the normal quantile,
--   Press et al., Numerical Recipes, for its tail.
WITH placed AS (
    SELECT accession, sequence_id, source, chain, position,
           (CASE $atom WHEN 'ca' THEN ca_x ELSE cb_x END)::DOUBLE AS x,
           (CASE $atom WHEN 'ca' THEN ca_y ELSE cb_y END)::DOUBLE AS y,
           (CASE $atom WHEN 'ca' THEN ca_z ELSE cb_z END)::DOUBLE AS z
    FROM coordinates SEMI JOIN contacts USING (accession)
    WHERE $proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[]))
),
chains AS (
    SELECT sequence_id, source, chain, accession, count(*) AS n_residues
    FROM placed
    WHERE x IS NOT NULL
    GROUP BY ALL
),
distinct_chains AS (
    SELECT sequence_id, source, chain, arg_min(accession, (-n_residues, accession)) AS accession,
           max(n_residues) AS n_residues
    FROM chains
    GROUP BY sequence_id, source, chain
),
chosen AS (
    SELECT sequence_id, accession, source, chain, n_residues
    FROM distinct_chains
    QUALIFY $structures = 'all'
            OR row_number() OVER (PARTITION BY sequence_id ORDER BY n_residues DESC, accession, source, chain) = 1
),
places AS MATERIALIZED (
    SELECT accession, source, chain, position, x, y, z
    FROM placed SEMI JOIN chosen USING (accession, source, chain)
    WHERE x IS NOT NULL
),
pairs AS NOT MATERIALIZED (
    SELECT a.accession, a.source, a.chain, a.position AS i, b.position AS j,
           CASE WHEN b.position - a.position < 12 THEN 'short' WHEN b.position - a.position < 24 THEN 'medium'
                ELSE 'long' END AS range,
           (a.x - b.x) ^ 2 + (a.y - b.y) ^ 2 + (a.z - b.z) ^ 2 < 64 AS is_contact
    FROM places AS a JOIN places AS b
    ON b.accession = a.accession AND b.source = a.source AND b.chain = a.chain AND b.position >= a.position + 6
),
known AS (
    SELECT accession, source, chain, range, count(*) AS n_known, count(*) FILTER (is_contact) AS n_known_contacts
    FROM pairs
    GROUP BY accession, source, chain, range
),
ranked AS (
    SELECT accession, source, chain, range, is_contact,
           row_number() OVER (PARTITION BY accession, source, chain, range ORDER BY probability DESC, i, j) AS rank
    FROM contacts JOIN pairs USING (accession, i, j)
),
asked AS (
    SELECT sequence_id, accession, source, chain, range, cut, divisor, n_known, n_known_contacts,
           least(greatest(n_residues // divisor, 1), n_known) AS n_asked
    FROM chosen JOIN known USING (accession, source, chain)
    CROSS JOIN (VALUES ('L', 1), ('L/2', 2), ('L/5', 5)) AS d (cut, divisor)
),
found AS (
    SELECT a.sequence_id, a.accession, a.source, a.chain, a.range, a.cut, a.divisor, a.n_asked, a.n_known,
           a.n_known_contacts, count(rank) AS n, count(*) FILTER (is_contact) AS k
    FROM asked AS a LEFT JOIN ranked AS r
    ON r.accession = a.accession AND r.source = a.source AND r.chain = a.chain AND r.range = a.range
       AND r.rank <= a.n_asked
    GROUP BY ALL
),
proteins_found AS (
    SELECT sequence_id, range, cut, divisor, count(*) AS n_structures, count(*) FILTER (n < n_asked) AS n_too_few,
           sum(n)::DOUBLE AS n, sum(k)::DOUBLE AS k, sum(n * n_known_contacts / n_known) AS shuffled,
           sum(n_known)::DOUBLE AS n_known, sum(n_known_contacts)::DOUBLE AS k_known,
           sum(k / nullif(n, 0)) AS precisions
    FROM found
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
errors AS (
    SELECT *, dd - d ^ 2 / n_proteins AS spread, sqrt(-2 * ln(0.05 / (2 * n_rows))) AS r,
           (8 * df + 1) / (8 * df + 3) AS wallace,
           sqrt(n_proteins / nullif(df, 0) * greatest(kk - 2 * p * kn + p ^ 2 * nn, 0)) / nullif(n, 0) AS se,
           CASE WHEN spread > 1e-12 * dd THEN d / sqrt(n_proteins * spread / nullif(df, 0)) END AS t
    FROM pooled
),
tested AS (
    SELECT *, r - (2.515517 + 0.802853 * r + 0.010328 * r ^ 2)
                  / (1 + 1.432788 * r + 0.189269 * r ^ 2 + 0.001308 * r ^ 3) AS quantile,
           se * sqrt(df * (exp(least((quantile / wallace) ^ 2 / nullif(df, 0), 700)) - 1)) AS reach,
           wallace * sqrt(df * ln(1 + t ^ 2 / nullif(df, 0))) AS deviate,
           (p - background) / nullif(sqrt((k + k_known) / (n + n_known) * (1 - (k + k_known) / (n + n_known))
                                          * (1 / nullif(n, 0) + 1 / n_known)), 0) AS z
    FROM errors
),
tails AS (
    SELECT *, abs(z) / sqrt(2) AS x, 1 / (1 + abs(z) / sqrt(8)) AS u, deviate / sqrt(2) AS y,
           1 / (1 + deviate / sqrt(8)) AS v
    FROM tested
),
p_values AS (
    SELECT *, (ln(u) - x ^ 2 - 1.26551223 + u * (1.00002368 + u * (0.37409196 + u * (0.09678418 + u * (-0.18628806
               + u * (0.27886807 + u * (-1.13520398 + u * (1.48851587 + u * (-0.82215223 + u * 0.17087277)))))))))
              / ln(10) AS log10_tail,
           (ln(v) - y ^ 2 - 1.26551223 + v * (1.00002368 + v * (0.37409196 + v * (0.09678418 + v * (-0.18628806
               + v * (0.27886807 + v * (-1.13520398 + v * (1.48851587 + v * (-0.82215223 + v * 0.17087277)))))))))
              / ln(10) AS log10_t_tail
    FROM tails
)
SELECT range, cut, n_proteins, n_structures, n_too_few, n::BIGINT AS n_pairs, k::BIGINT AS n_contacts,
       round(p, 4) AS precision, round(CASE WHEN p > reach THEN p - reach ELSE 0 * reach END, 4) AS proteins_low,
       round(CASE WHEN p + reach > 1 THEN 1 ELSE p + reach END, 4) AS proteins_high,
       round(mean_precision, 4) AS mean_precision, round(background, 4) AS background,
       round(p / nullif(background, 0), 2) AS ratio, round(shuffled, 4) AS shuffled, round(t, 2) + 0 AS proteins_t,
       CASE WHEN t IS NOT NULL THEN round(least(log10_t_tail + log10(n_rows), 0), 2) + 0 END AS proteins_log10_p,
       round(z, 2) AS z, CASE WHEN z IS NOT NULL THEN round(least(log10_tail + log10(n_rows), 0), 2) + 0 END AS log10_p
FROM p_values
ORDER BY CASE range WHEN 'short' THEN 1 WHEN 'medium' THEN 2 ELSE 3 END, divisor, range, cut
