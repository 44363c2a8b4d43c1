-- title: The best heads of every label
-- topic: Annotation
-- needs: labels, head_features
-- answers: Which head attends most to each type of feature and each amino acid? Each label over the proteins that carry
--   it, as in `head_labels`. The best of many heads is above the background by chance as well: see the interval.
-- parameters:
--   labels texts = all: Labels of the probe.
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
--   proteins_low: Lower end of its interval with whole proteins as what is independent, as a bootstrap of them gives
--     it; of 95 % over all reported heads at once (Bonferroni). Empty for one protein.
--   proteins_high: Upper end.
--   n_heads: Heads of this label that are reported.
-- grain: label, layer, head
-- source: Vig et al. 2021 (ICLR); interval over proteins: Cochran 1977, 6.4, with the normal quantile of Abramowitz and
--   Stegun 26.2.23.
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
           sum(n_labelled)::DOUBLE AS n_labelled, sum(length)::DOUBLE AS n_residues
    FROM of_proteins
    GROUP BY label, layer, head
),
reported AS (
    SELECT *, k / n AS p, n_labelled / n_residues AS background, count(*) OVER (PARTITION BY label) AS n_heads
    FROM summed
    WHERE n_edges >= $min_edges AND n > 0
),
quantiles AS (
    SELECT *, sqrt(-2 * ln(0.05 / (2 * n_heads))) AS t,
           sqrt(n_proteins / nullif(n_proteins - 1, 0) * greatest(kk - 2 * p * kn + p ^ 2 * nn, 0)) / n AS se
    FROM reported
),
bounds AS (
    SELECT *, t - (2.515517 + 0.802853 * t + 0.010328 * t ^ 2)
                  / (1 + 1.432788 * t + 0.189269 * t ^ 2 + 0.001308 * t ^ 3) AS z
    FROM quantiles
),
placed AS (
    SELECT *, row_number() OVER (PARTITION BY label ORDER BY p DESC, layer, head) AS place
    FROM bounds
)
SELECT label, place, layer, head, n_proteins, n_edges, round(p, 4) AS p, round(background, 4) AS background,
       round(placed.p / background, 2) AS ratio,
       round(CASE WHEN placed.p > z * se THEN placed.p - z * se ELSE 0 * se END, 4) AS proteins_low,
       round(CASE WHEN placed.p + z * se > 1 THEN 1 ELSE placed.p + z * se END, 4) AS proteins_high, n_heads
FROM placed
WHERE place <= $n
ORDER BY label, place, layer, head
