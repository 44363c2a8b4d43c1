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
--     at once (Bonferroni), by Student's t. Empty for one protein.
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
-- source: Vig et al. 2021 (ICLR) for p, background and 100 edges; Rao et al. 2020 for P@L; Wilson 1927; Abramowitz and
--   Stegun 26.2.23 for the normal quantile, Press et al., Numerical Recipes, for its tail; Wallace 1959 for t as a
--   normal deviate (too wide for fewer than five proteins); interval over proteins: Cochran 1977, 6.4.
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
           (CASE $form WHEN 'count' THEN n_contact_edges WHEN 'weighted' THEN contact_edge_mass ELSE contact_mass END
           )::DOUBLE AS k,
           (CASE $form WHEN 'count' THEN n_edges WHEN 'weighted' THEN edge_mass ELSE mass END)::DOUBLE AS n
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
           n_with_top - 1 AS top_df, dd - d ^ 2 / n_proteins AS spread
    FROM summed
    WHERE n_edges >= $min_edges AND n > 0
),
quantiles AS (
    SELECT *, sqrt(-2 * ln(0.05 / (2 * n_heads))) AS r, (8 * df + 1) / (8 * df + 3) AS wallace,
           (8 * top_df + 1) / (8 * top_df + 3) AS top_wallace,
           sqrt(n_proteins / nullif(df, 0) * greatest(kk - 2 * p * kn + p ^ 2 * nn, 0)) / n AS se,
           CASE WHEN top_df > 0
                THEN sqrt(n_with_top / top_df * greatest(ll - 2 * top * lm + top ^ 2 * mm, 0)) / m END AS top_se,
           CASE WHEN spread > 1e-12 * dd THEN d / sqrt(n_proteins * spread / nullif(df, 0)) END AS t
    FROM reported
),
bounds AS (
    SELECT *, r - (2.515517 + 0.802853 * r + 0.010328 * r ^ 2)
                  / (1 + 1.432788 * r + 0.189269 * r ^ 2 + 0.001308 * r ^ 3) AS z,
           wallace * sqrt(df * ln(1 + t ^ 2 / nullif(df, 0))) AS deviate,
           se * sqrt(df * (exp(least((z / wallace) ^ 2 / nullif(df, 0), 700)) - 1)) AS reach,
           CASE WHEN top_df > 0
                THEN top_se * sqrt(top_df * (exp(least((z / top_wallace) ^ 2 / top_df, 700)) - 1)) END AS top_reach
    FROM quantiles
),
tested AS (
    SELECT *, (p - background) / nullif(sqrt((k + n_contacts) / (n + n_pairs)
                                             * (1 - (k + n_contacts) / (n + n_pairs))
                                             * (1 / n + 1 / n_pairs)), 0) AS two_proportion
    FROM bounds
),
tails AS (
    SELECT *, abs(two_proportion) / sqrt(2) AS x, 1 / (1 + abs(two_proportion) / sqrt(8)) AS u,
           deviate / sqrt(2) AS y, 1 / (1 + deviate / sqrt(8)) AS v
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
),
wilson AS (
    SELECT *, (p + z ^ 2 / (2 * n)) / (1 + z ^ 2 / n) AS middle,
           z * sqrt(greatest(p * (1 - p), 0) / n + z ^ 2 / (4 * n ^ 2)) / (1 + z ^ 2 / n) AS half,
           $form = 'count' AS is_count
    FROM p_values
)
SELECT layer, head, n_proteins, n_structures, n_edges, round(p, 4) AS p, round(background, 4) AS background,
       round(wilson.p / nullif(wilson.background, 0), 2) AS ratio, round(shuffled, 4) AS shuffled,
       CASE WHEN is_count THEN round(greatest(middle - half, 0), 4) END AS wilson_low,
       CASE WHEN is_count THEN round(least(middle + half, 1), 4) END AS wilson_high,
       round(CASE WHEN wilson.p > reach THEN wilson.p - reach ELSE 0 * reach END, 4) AS proteins_low,
       round(CASE WHEN wilson.p + reach > 1 THEN 1 ELSE wilson.p + reach END, 4) AS proteins_high,
       round(t, 2) + 0 AS proteins_t,
       CASE WHEN t IS NOT NULL THEN round(least(log10_t_tail + log10(n_heads), 0), 2) + 0 END AS proteins_log10_p,
       CASE WHEN is_count THEN round(two_proportion, 2) END AS z,
       CASE WHEN is_count AND two_proportion IS NOT NULL THEN round(least(log10_tail + log10(n_heads), 0), 2) + 0 END
       AS log10_p,
       round(top, 4) AS top_precision,
       round(CASE WHEN top > top_reach THEN top - top_reach ELSE 0 * top_reach END, 4) AS top_low,
       round(CASE WHEN top + top_reach > 1 THEN 1 ELSE top + top_reach END, 4) AS top_high,
       round(top_background, 4) AS top_background
FROM wilson
ORDER BY wilson.p DESC, layer, head
