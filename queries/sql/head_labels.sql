-- title: The heads that attend to residues with a label
-- topic: Annotation
-- needs: labels, head_features
-- answers: Which heads attend to active sites, or to residues with another label? Over the proteins that carry the
--   label, each sequence once: where it has several accessions with the label, the first. The Wilson interval, z and
--   its p value are of the count form alone and take edges as independent; those of a protein are not, and many heads
--   are significant so without reason: believe what is over proteins. Of few proteins or a rare label that errs too:
--   it finds too few heads above the background, and too many below it.
-- parameters:
--   label text of labels.label = Active site: A label of the probe: a type of feature, or `aa:` and a letter.
--   form text count|weighted|mass = count: Edges, the attention of these edges, or all attention without a threshold.
--   proteins proteins = all: Ids to count over, background included.
--   min_edges int 0.. = 100: Fewest edges, over all these proteins, of a head that is reported.
-- columns:
--   n_proteins: Proteins that carry the label, one for each sequence.
--   n_edges: Edges of the head in these proteins: pairs of residues with an attention of the probe's theta or more.
--   p: Share of its edges, or of its attention, that goes to residues with the label: p(f | layer, head).
--   background: Share of the residues of these proteins that carry the label.
--   ratio: The first over the second; 1 is no preference.
--   shuffled: What p is if the attention of each residue is shuffled over the residues of its protein.
--   wilson_low: Lower end of the Wilson interval of p, 95 % over all reported heads at once (Bonferroni).
--   wilson_high: Upper end.
--   proteins_low: Lower end of its interval with whole proteins as what is independent, of 95 % over all reported heads
--     at once (Bonferroni), by Student's t. Empty for one protein.
--   proteins_high: Upper end.
--   proteins_t: Student's t of what the residues with the label of a protein get beyond the shuffled, mean over
--     proteins over its standard error. Empty where all proteins agree.
--   proteins_log10_p: Logarithm to base 10 of its two-sided p value times the number of reported heads (Bonferroni), 0
--     at most; in every form.
--   z: Two-proportion z of p against the background.
--   log10_p: Logarithm to base 10 of its two-sided p value times the number of reported heads (Bonferroni), 0 at most.
-- grain: layer, head
-- source: Vig et al. 2021 (ICLR) for p, background, shuffling and 100 edges; Wilson 1927; Abramowitz and Stegun 26.2.23
--   for the normal quantile, Press et al., Numerical Recipes, for its tail; Wallace 1959 for t as a normal deviate (too
--   wide for fewer than five proteins); interval over proteins: Cochran 1977, 6.4.
WITH chosen AS (
    SELECT label, min(accession) AS accession
    FROM labels
    WHERE label = $label
          AND ($proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[])))
    GROUP BY label, sequence_id
),
of_proteins AS (
    SELECT f.label, f.layer, f.head, e.n_edges, l.n_labelled, l.length,
           (CASE $form WHEN 'count' THEN f.n_edges WHEN 'weighted' THEN f.edge_mass ELSE f.mass END)::DOUBLE AS k,
           (CASE $form WHEN 'count' THEN e.n_edges WHEN 'weighted' THEN e.edge_mass ELSE e.mass END)::DOUBLE AS n
    FROM chosen AS c
    JOIN labels AS l ON l.accession = c.accession AND l.label = c.label
    JOIN head_features AS f ON f.accession = c.accession AND f.label = c.label
    JOIN head_features AS e
    ON e.accession = c.accession AND e.label = 'residue' AND e.layer = f.layer AND e.head = f.head
),
summed AS (
    SELECT label, layer, head, count(*) AS n_proteins, sum(n_edges)::BIGINT AS n_edges, sum(k) AS k, sum(n) AS n,
           sum(k * k) AS kk, sum(k * n) AS kn, sum(n * n) AS nn,
           sum(n * n_labelled / length) / nullif(sum(n), 0) AS shuffled,
           sum(k - n * n_labelled / length) AS d, sum((k - n * n_labelled / length) ^ 2) AS dd,
           sum(n_labelled)::DOUBLE AS n_labelled, sum(length)::DOUBLE AS n_residues
    FROM of_proteins
    GROUP BY label, layer, head
),
reported AS (
    SELECT *, k / n AS p, n_labelled / n_residues AS background, count(*) OVER (PARTITION BY label) AS n_heads,
           n_proteins - 1 AS df, dd - d ^ 2 / n_proteins AS spread
    FROM summed
    WHERE n_edges >= $min_edges AND n > 0
),
quantiles AS (
    SELECT *, sqrt(-2 * ln(0.05 / (2 * n_heads))) AS r, (8 * df + 1) / (8 * df + 3) AS wallace,
           sqrt(n_proteins / nullif(df, 0) * greatest(kk - 2 * p * kn + p ^ 2 * nn, 0)) / n AS se,
           CASE WHEN spread > 1e-12 * dd THEN d / sqrt(n_proteins * spread / nullif(df, 0)) END AS t
    FROM reported
),
bounds AS (
    SELECT *, r - (2.515517 + 0.802853 * r + 0.010328 * r ^ 2)
                  / (1 + 1.432788 * r + 0.189269 * r ^ 2 + 0.001308 * r ^ 3) AS z,
           wallace * sqrt(df * ln(1 + t ^ 2 / nullif(df, 0))) AS deviate,
           se * sqrt(df * (exp(least((z / wallace) ^ 2 / nullif(df, 0), 700)) - 1)) AS reach
    FROM quantiles
),
tested AS (
    SELECT *, (p - background) / nullif(sqrt((k + n_labelled) / (n + n_residues)
                                             * (1 - (k + n_labelled) / (n + n_residues))
                                             * (1 / n + 1 / n_residues)), 0) AS two_proportion
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
SELECT layer, head, n_proteins, n_edges, round(p, 4) AS p, round(background, 4) AS background,
       round(wilson.p / background, 2) AS ratio, round(shuffled, 4) AS shuffled,
       CASE WHEN is_count THEN round(greatest(middle - half, 0), 4) END AS wilson_low,
       CASE WHEN is_count THEN round(least(middle + half, 1), 4) END AS wilson_high,
       round(CASE WHEN wilson.p > reach THEN wilson.p - reach ELSE 0 * reach END, 4) AS proteins_low,
       round(CASE WHEN wilson.p + reach > 1 THEN 1 ELSE wilson.p + reach END, 4) AS proteins_high,
       round(t, 2) + 0 AS proteins_t,
       CASE WHEN t IS NOT NULL THEN round(least(log10_t_tail + log10(n_heads), 0), 2) + 0 END AS proteins_log10_p,
       CASE WHEN is_count THEN round(two_proportion, 2) END AS z,
       CASE WHEN is_count AND two_proportion IS NOT NULL THEN round(least(log10_tail + log10(n_heads), 0), 2) + 0 END
       AS log10_p
FROM wilson
ORDER BY wilson.p DESC, layer, head
