-- title: The heads that attend to residues in contact
-- topic: Annotation
-- needs: head_contacts
-- answers: Which heads attend to contacts of the structures? A contact is nearer than 8 angstrom, 6 or more residues
--   apart; the atom is that of `attlas contacts`. Of each sequence the chain with the most residues counts. The Wilson
--   interval, z and its p value are of the count form alone and take edges as independent; those of a protein are not,
--   and many heads are significant so without reason: believe what is over proteins.
-- parameters:
--   form text count|weighted|mass = count: Edges, the attention of these edges, or all attention without a threshold.
--   structures text one|all = one: Of each sequence the chain with the most residues, or every chain.
--   proteins proteins = all: Ids to count over, background included.
--   min_edges int 0.. = 100: Fewest edges, over all these proteins, of a head that is reported.
-- columns:
--   n_proteins: Distinct sequences with a structure.
--   n_structures: Chains of structures.
--   n_edges: Edges of the head between residues with coordinates: attention of 0.3 or more.
--   p: Share of its edges, or of its attention, that is between residues in contact: p(contact | layer, head).
--   background: Share of contacts among all ordered pairs of residues with coordinates.
--   ratio: The first over the second; 1 is no preference.
--   shuffled: What p is if the attention between residues is shuffled over all pairs of the structure.
--   wilson_low: Lower end of the Wilson interval of p, 95 % over all reported heads at once (Bonferroni).
--   wilson_high: Upper end.
--   proteins_low: Lower end of its interval with whole proteins as what is independent, of 95 % over all reported heads
--     at once (Bonferroni), by Student's t. Empty for one protein, and where all agree.
--   proteins_high: Upper end.
--   proteins_t: Student's t of what the contacts of a protein get beyond the shuffled, mean over proteins over its
--     standard error. Empty where all proteins agree.
--   proteins_log10_p: Logarithm to base 10 of its two-sided p value times the number of reported heads (Bonferroni), 0
--     at most; in every form.
--   z: Two-proportion z of p against the background.
--   log10_p: Logarithm to base 10 of its two-sided p value times the number of reported heads (Bonferroni), 0 at most.
--   top_precision: P@L of the head as a predictor: share of contacts among the long-range pairs (|i - j| of 24 or more)
--     of highest A + A^T less the average product, as many of each structure as residues have coordinates.
--   top_low: Lower end of its interval with whole proteins as what is independent, of 95 % over all reported heads at
--     once (Bonferroni), by Student's t. Empty where one protein has such pairs.
--   top_high: Upper end.
--   top_background: Share of contacts among all long-range pairs with coordinates.
-- grain: layer, head
-- source: Vig et al. 2021 (ICLR) for p, background and 100 edges; Rao et al. 2020 for P@L; Wilson 1927; interval
--   over proteins: linearised, Cochran 1977, 6.4, with Student's t.
WITH chains AS (
    SELECT sequence_id, source, chain, arg_min(accession, (-n_pairs, accession)) AS accession, max(n_pairs) AS n_pairs
    FROM head_contacts
    WHERE $proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[]))
    GROUP BY sequence_id, source, chain
),
chosen AS (
    SELECT accession, source, chain
    FROM chains
    QUALIFY $structures = 'all'
            OR row_number() OVER (PARTITION BY sequence_id ORDER BY n_pairs DESC, accession, source, chain) = 1
),
of_structures AS (
    SELECT *,
           in_form($form, n_contact_edges, contact_edge_mass, contact_mass) AS k,
           in_form($form, n_edges, edge_mass, mass) AS n
    FROM head_contacts SEMI JOIN chosen USING (accession, source, chain)
),
of_proteins AS (
    SELECT sequence_id, layer, head, count(*) AS n_structures, sum(n_edges) AS n_edges, sum(k) AS k, sum(n) AS n,
           sum(n * n_contact_pairs / n_pairs) AS shuffled, sum(n_pairs)::DOUBLE AS n_pairs,
           sum(n_contact_pairs)::DOUBLE AS n_contact_pairs, sum(n_top)::DOUBLE AS m, sum(n_top_contacts)::DOUBLE AS l,
           sum(n_long_pairs) AS n_long_pairs, sum(n_long_contacts) AS n_long_contacts
    FROM of_structures
    GROUP BY sequence_id, layer, head
),
summed AS (
    SELECT layer, head, count(*) AS n_proteins, sum(n_structures)::BIGINT AS n_structures,
           sum(n_edges)::BIGINT AS n_edges, sum(k) AS k, sum(n) AS n, sum(k * k) AS kk, sum(k * n) AS kn,
           sum(n * n) AS nn, sum(shuffled) / nullif(sum(n), 0) AS shuffled, sum(k - shuffled) AS d,
           sum((k - shuffled) ^ 2) AS dd, sum(n_pairs) AS n_pairs,
           sum(n_contact_pairs) AS n_contacts, count(*) FILTER (m > 0) AS n_with_top, sum(m) AS m,
           sum(l) / nullif(sum(m), 0) AS top, sum(l * l) AS ll, sum(l * m) AS lm, sum(m * m) AS mm,
           sum(n_long_contacts) / nullif(sum(n_long_pairs), 0) AS top_background
    FROM of_proteins
    GROUP BY layer, head
),
reported AS (
    SELECT *, k / n AS p, n_contacts / n_pairs AS background, count(*) OVER () AS n_heads, n_proteins - 1 AS df,
           one_sample_t(n_proteins, d, dd) AS t, normal_quantile(0.025 / n_heads) AS reach_z,
           CASE $form WHEN 'count' THEN two_proportion_z(k, n, n_contacts, n_pairs) END AS z
    FROM summed
    WHERE n_edges >= $min_edges AND n > 0
),
tested AS (
    SELECT *, ratio_error(n_proteins, p, n, kk, kn, nn)
              * student_t_quantile(0.025 / n_heads, df) AS reach,
           ratio_error(n_with_top, top, m, ll, lm, mm)
           * student_t_quantile(0.025 / n_heads, n_with_top - 1) AS top_reach
    FROM reported
)
SELECT layer, head, n_proteins, n_structures, n_edges, round(p, 4) AS p, round(background, 4) AS background,
       round(tested.p / nullif(tested.background, 0), 2) AS ratio, round(shuffled, 4) AS shuffled,
       CASE $form WHEN 'count' THEN round(wilson_low(tested.p, n, reach_z), 4) END AS wilson_low,
       CASE $form WHEN 'count' THEN round(wilson_high(tested.p, n, reach_z), 4) END AS wilson_high,
       round(clamped(tested.p - reach, 0, 1), 4) AS proteins_low,
       round(clamped(tested.p + reach, 0, 1), 4) AS proteins_high,
       round(t, 2) + 0 AS proteins_t,
       round(bonferroni(student_t_log10_tail(t, df), n_heads), 2) + 0 AS proteins_log10_p,
       round(tested.z, 2) AS z, round(bonferroni(normal_log10_tail(tested.z), n_heads), 2) + 0 AS log10_p,
       round(top, 4) AS top_precision,
       round(clamped(top - top_reach, 0, 1), 4) AS top_low,
       round(clamped(top + top_reach, 0, 1), 4) AS top_high,
       round(top_background, 4) AS top_background
FROM tested
ORDER BY tested.p DESC, layer, head
