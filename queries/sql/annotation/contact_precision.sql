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
-- source: Rao et al. 2020 for ranges and cuts; interval over proteins: linearised, Cochran 1977, 6.4, with Student's t.
WITH placed AS (
    SELECT accession, sequence_id, source, chain, position,
           of_atom($atom, ca_x, cb_x) AS x,
           of_atom($atom, ca_y, cb_y) AS y,
           of_atom($atom, ca_z, cb_z) AS z
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
tested AS (
    SELECT *, one_sample_t(n_proteins, d, dd) AS t, two_proportion_z(k, n, k_known, n_known) AS z,
           ratio_error(n_proteins, p, n, kk, kn, nn) * student_t_quantile(0.025 / n_rows, nullif(df, 0)) AS reach
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
