-- title: The heads that attend to residues in contact
-- topic: Annotation
-- needs: head_contacts
-- answers: Which heads attend to contacts of the structures? A contact is nearer than 8 angstrom, 6 or more residues
--   apart; the atom is that of `attlas contacts`. Of each sequence the chain with the most residues counts. Proteins
--   are the independent units of proteins_low, proteins_high and proteins_log10_p. The Wilson interval, z and its p
--   value are those of the literature, of the count form alone, and take edges as independent.
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
--   ratio: p over background; 1 means no preference.
--   shuffled: What p is if the attention between residues is shuffled over all pairs of the structure.
--   wilson_low: Lower end of the Wilson interval of p, 95 % over all reported heads at once (Bonferroni), as published;
--     like `z` it takes edges as independent and is far too narrow. It takes the background as known, and `z` takes it
--     as estimated: another question, so that it may leave out the background where log10_p is 0. Empty for fewer than
--     five proteins.
--   wilson_high: Upper end.
--   proteins_low: Lower end of the interval of p with proteins as the independent units, at the level `confidence`: p
--     less the reach of what p is beyond the shuffled, by a jackknife over proteins and Student's t. It leaves out the
--     shuffled if and only if proteins_log10_p is below -1.3.
--   proteins_high: Upper end.
--   proteins_t: Student's t of p less the shuffled, by the same error.
--   proteins_log10_p: Logarithm to base 10 of its two-sided p value times the number of reported heads (Bonferroni), 0
--     at most; in every form.
--   confidence: Level of the interval: 1 - 0.05 / number of reported heads, so that all hold at once with 95 %.
--   note: Why a row has no interval and no p value; empty if it has them.
--   z: Two-proportion z of p against the background, as published. It takes edges as independent, which those of a
--     protein are not: another question than that of `proteins_t`, and on chance alone it rejects far too often.
--   log10_p: Logarithm to base 10 of the two-sided p value of z, times the number of reported heads (Bonferroni), 0 at
--     most. Not a p value to believe: see `z`.
--   top_precision: P@L of the head as a predictor: share of contacts among the long-range pairs (|i - j| of 24 or more)
--     of highest A + A^T less the average product, as many of each structure as residues have coordinates.
--   top_low: Lower end of its interval, of 95 % over all reported heads at once (Bonferroni), by a jackknife over
--     proteins and Student's t. It is not tested. Empty for fewer than five proteins with such pairs.
--   top_high: Upper end.
--   top_background: Share of contacts among all long-range pairs with coordinates.
-- grain: layer, head
-- source: Vig et al. 2021 (ICLR) for p, background and 100 edges; Rao et al. 2020 for P@L; Wilson 1927; intervals and
--   test: jackknife over proteins (Tukey 1958; Cochran 1977, 6.15) with Student's t.
WITH chains AS (
    -- A file may be annotated for several accessions of a sequence: it counts once.
    SELECT sequence_id, source, chain, arg_min(accession, (-n_pairs, accession)) AS accession, max(n_pairs) AS n_pairs
    FROM head_contacts
    WHERE $proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[]))
    GROUP BY sequence_id, source, chain
),

-- All structures, or of each sequence the one with most pairs.
chains_counted AS (
    SELECT accession, source, chain
    FROM chains
    QUALIFY $structures = 'all'
            OR row_number() OVER (PARTITION BY sequence_id ORDER BY n_pairs DESC, accession, source, chain) = 1
),

-- Ordered pairs of L residues are L (L - 1), so that the root of n_pairs is their number, but for a half.
of_structures AS (
    SELECT *,
           in_form($form, n_contact_edges, contact_edge_mass, contact_mass) AS k,
           in_form($form, n_edges, edge_mass, mass) AS n, n_contact_pairs / n_pairs AS share,
           attention_draws($form, n_edges, sqrt(n_pairs)) AS n_draws
    FROM head_contacts SEMI JOIN chains_counted USING (accession, source, chain)
),

-- The unit is the protein: its structures are summed.
of_proteins AS (
    SELECT sequence_id, layer, head, count(*) AS n_structures, sum(n_edges) AS n_edges, sum(k) AS k, sum(n) AS n,
           sum(n * share) AS shuffled, sum(chance_variance(n, share, n_draws)) AS by_chance,
           sum(n_pairs)::DOUBLE AS n_pairs, sum(n_contact_pairs)::DOUBLE AS n_contact_pairs,
           sum(n_top)::DOUBLE AS n_top, sum(n_top_contacts)::DOUBLE AS n_top_contacts,
           sum(n_long_pairs) AS n_long_pairs, sum(n_long_contacts) AS n_long_contacts
    FROM of_structures
    GROUP BY sequence_id, layer, head
),

totals AS (
    SELECT layer, head, count(*) AS n_proteins, count(*) FILTER (n > 0) AS n_counted,
           count(*) FILTER (n_top > 0) AS n_with_top, sum(n_structures)::BIGINT AS n_structures,
           sum(n_edges)::BIGINT AS n_edges, sum(k) AS k, sum(n) AS n, sum(n * n) AS nn, sum(shuffled) AS shuffled,
           sum(by_chance) AS by_chance, sum(n_pairs) AS n_pairs, sum(n_contact_pairs) AS n_contact_pairs,
           sum(n_top) AS n_top, sum(n_top ^ 2) AS n_top_squares, sum(n_top_contacts) AS n_top_contacts,
           sum(n_long_contacts) / nullif(sum(n_long_pairs), 0) AS top_background
    FROM of_proteins
    GROUP BY layer, head
    HAVING sum(of_proteins.n_edges) >= $min_edges AND sum(of_proteins.n) > 0
),

-- What p is beyond the shuffled is tested, so its change without each protein is what counts.
changes AS (
    SELECT layer, head, sum(change_without(p.k - p.shuffled, p.n, t.k - t.shuffled, t.n) ^ 2) AS squares,
           sum(change_without(p.n_top_contacts, p.n_top, t.n_top_contacts, t.n_top) ^ 2) AS top_squares
    FROM of_proteins AS p JOIN totals AS t USING (layer, head)
    GROUP BY layer, head
),

-- Shares of each head, each with its error over proteins.
heads_reported AS (
    SELECT t.* EXCLUDE (shuffled), k / n AS p, n_contact_pairs / n_pairs AS background, shuffled / n AS shuffled,
           count(*) OVER () AS n_heads, normal_quantile(tail_chance(n_heads)) AS wilson_z,
           CASE $form WHEN 'count' THEN two_proportion_z(k, n, n_contact_pairs, n_pairs) END AS z,
           error_over_proteins(n_counted, squares, by_chance / n ^ 2) AS error, effective_df(n_counted, n, nn) AS df,
           n_top_contacts / nullif(n_top, 0) AS top, error_over_proteins(n_with_top, top_squares, 0) AS top_error,
           effective_df(n_with_top, n_top, n_top_squares) AS top_df
    FROM totals AS t JOIN changes USING (layer, head)
),

tests AS (
    SELECT *, ratio_test(p - shuffled, error, df, n_heads) AS test,
           top_error * student_t_quantile(tail_chance(n_heads), top_df) AS top_reach
    FROM heads_reported
)

SELECT layer, head, n_proteins, n_structures, n_edges, round(p, 4) AS p, round(background, 4) AS background,
       round(tests.p / nullif(tests.background, 0), 2) AS ratio, round(shuffled, 4) AS shuffled,
       CASE $form WHEN 'count' THEN round(of_enough_proteins(wilson_low(tests.p, n, wilson_z), n_counted), 4)
            END AS wilson_low,
       CASE $form WHEN 'count' THEN round(of_enough_proteins(wilson_high(tests.p, n, wilson_z), n_counted), 4)
            END AS wilson_high,
       round(clamped(tests.p - test.reach, 0, 1), 4) AS proteins_low,
       round(clamped(tests.p + test.reach, 0, 1), 4) AS proteins_high,
       round(test.t, 2) + 0 AS proteins_t, round(test.log10_p, 2) + 0 AS proteins_log10_p,
       round(test.confidence, 6) AS confidence, why_untested(n_counted, df, error) AS note,
       round(tests.z, 2) AS z, round(bonferroni(normal_log10_tail(tests.z), n_heads), 2) + 0 AS log10_p,
       round(top, 4) AS top_precision,
       round(clamped(top - top_reach, 0, 1), 4) AS top_low,
       round(clamped(top + top_reach, 0, 1), 4) AS top_high,
       round(top_background, 4) AS top_background
FROM tests
ORDER BY tests.p DESC, layer, head
