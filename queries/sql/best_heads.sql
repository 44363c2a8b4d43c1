-- title: The best heads of every label
-- topic: Annotation
-- needs: labels, head_features
-- answers: Which head attends most to each type of feature and each amino acid? Each label over the proteins that carry
--   it, as in `head_labels`. The best of many heads is above the background by chance as well: interval and p value
--   are of all reported heads of the label at once, not of all labels.
-- parameters:
--   labels texts of labels.label = all: Labels of the probe.
--   n int 1.. = 1: Heads shown of each label.
--   form text count|weighted|mass = count: Edges, the attention of these edges, or all attention without a threshold.
--   proteins proteins = all: Ids to count over, background included.
--   min_edges int 0.. = 100: Fewest edges, over all these proteins, of a head that is reported.
-- columns:
--   place: Place of the head among those of the label, 1 for the highest p.
--   n_proteins: Proteins that carry the label, one for each sequence.
--   n_edges: Edges of the head in these proteins: pairs of residues with an attention of the probe's theta or more.
--   p: Share of its edges, or of its attention, that goes to residues with the label: p(f | layer, head).
--   background: Share of the residues of these proteins that carry the label.
--   ratio: The first over the second; 1 is no preference.
--   shuffled: What p is if the attention of each residue is shuffled over the residues of its protein.
--   proteins_low: Lower end of its interval with whole proteins as what is independent, of 95 % over all reported heads
--     at once (Bonferroni), by Student's t. Empty for one protein.
--   proteins_high: Upper end.
--   proteins_t: Student's t of what the residues with the label of a protein get beyond the shuffled, mean over
--     proteins over its standard error. Empty where all proteins agree.
--   proteins_log10_p: Logarithm to base 10 of its two-sided p value times the number of reported heads (Bonferroni), 0
--     at most; in every form.
--   n_heads: Heads of this label that are reported.
-- grain: label, layer, head
-- source: Vig et al. 2021 (ICLR); interval over proteins: Cochran 1977, 6.4; Wallace 1959 for t as a normal deviate
--   (too wide for fewer than five proteins); Abramowitz and Stegun 26.2.23 for the normal quantile, Press et al.,
--   Numerical Recipes, for its tail.
WITH chosen AS (
    SELECT label, min(accession) AS accession
    FROM labels
    WHERE ($labels IS NULL OR label IN (SELECT unnest($labels::VARCHAR[]))) AND label <> 'residue'
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
placed AS (
    SELECT *, row_number() OVER (PARTITION BY label ORDER BY p DESC, layer, head) AS place,
           deviate / sqrt(2) AS x, 1 / (1 + deviate / sqrt(8)) AS u
    FROM bounds
),
tested AS (
    SELECT *, (ln(u) - x ^ 2 - 1.26551223 + u * (1.00002368 + u * (0.37409196 + u * (0.09678418 + u * (-0.18628806
               + u * (0.27886807 + u * (-1.13520398 + u * (1.48851587 + u * (-0.82215223 + u * 0.17087277)))))))))
              / ln(10) AS log10_t_tail
    FROM placed
    WHERE place <= $n
)
SELECT label, place, layer, head, n_proteins, n_edges, round(p, 4) AS p, round(background, 4) AS background,
       round(tested.p / background, 2) AS ratio, round(shuffled, 4) AS shuffled,
       round(CASE WHEN tested.p > reach THEN tested.p - reach ELSE 0 * reach END, 4) AS proteins_low,
       round(CASE WHEN tested.p + reach > 1 THEN 1 ELSE tested.p + reach END, 4) AS proteins_high,
       round(t, 2) + 0 AS proteins_t,
       CASE WHEN t IS NOT NULL THEN round(least(log10_t_tail + log10(n_heads), 0), 2) + 0 END AS proteins_log10_p,
       n_heads
FROM tested
ORDER BY label, place, layer, head
