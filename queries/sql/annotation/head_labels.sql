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
--     at once (Bonferroni), by Student's t. Empty for one protein, and where all agree.
--   proteins_high: Upper end.
--   proteins_t: Student's t of what the residues with the label of a protein get beyond the shuffled, mean over
--     proteins over its standard error. Empty where all proteins agree.
--   proteins_log10_p: Logarithm to base 10 of its two-sided p value times the number of reported heads (Bonferroni), 0
--     at most; in every form.
--   z: Two-proportion z of p against the background.
--   log10_p: Logarithm to base 10 of its two-sided p value times the number of reported heads (Bonferroni), 0 at most.
-- grain: layer, head
-- source: Vig et al. 2021 (ICLR) for p, background, shuffling and 100 edges; Wilson 1927; interval over proteins:
--   linearised, Cochran 1977, 6.4, with Student's t.
WITH reported AS (
    SELECT *, k / n AS p, n_labelled / n_residues AS background, count(*) OVER (PARTITION BY label) AS n_heads,
           n_proteins - 1 AS df, one_sample_t(n_proteins, d, dd) AS t, normal_quantile(0.025 / n_heads) AS reach_z,
           CASE $form WHEN 'count' THEN two_proportion_z(k, n, n_labelled, n_residues) END AS z
    FROM label_heads([$label], $proteins, $form)
    WHERE n_edges >= $min_edges AND n > 0
),
tested AS (
    SELECT *, ratio_error(n_proteins, p, n, kk, kn, nn)
              * student_t_quantile(0.025 / n_heads, df) AS reach
    FROM reported
)
SELECT layer, head, n_proteins, n_edges, round(p, 4) AS p, round(background, 4) AS background,
       round(tested.p / background, 2) AS ratio, round(shuffled, 4) AS shuffled,
       CASE $form WHEN 'count' THEN round(wilson_low(tested.p, n, reach_z), 4) END AS wilson_low,
       CASE $form WHEN 'count' THEN round(wilson_high(tested.p, n, reach_z), 4) END AS wilson_high,
       round(clamped(tested.p - reach, 0, 1), 4) AS proteins_low,
       round(clamped(tested.p + reach, 0, 1), 4) AS proteins_high,
       round(t, 2) + 0 AS proteins_t,
       round(bonferroni(student_t_log10_tail(t, df), n_heads), 2) + 0 AS proteins_log10_p,
       round(tested.z, 2) AS z, round(bonferroni(normal_log10_tail(tested.z), n_heads), 2) + 0 AS log10_p
FROM tested
ORDER BY tested.p DESC, layer, head
