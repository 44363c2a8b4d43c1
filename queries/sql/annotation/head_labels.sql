-- title: The heads that attend to residues with a label
-- topic: Annotation
-- needs: labels, head_features
-- answers: Which heads attend to active sites, or to residues with another label? Over the proteins that carry the
--   label, each sequence once: where it has several accessions with the label, the first. Proteins are the independent
--   units of proteins_low, proteins_high and proteins_log10_p. The Wilson interval, z and its p value are those of the
--   literature, of the count form alone, and take edges as independent. For a rare label and few proteins, a p far
--   below the shuffled is less certain than its p value says.
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
--   ratio: p over background; 1 means no preference.
--   shuffled: What p is if the attention of each residue is shuffled over the residues of its protein.
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
--     protein are not: another question than that of `proteins_t`, and on random labels it rejects far too often.
--   log10_p: Logarithm to base 10 of the two-sided p value of z, times the number of reported heads (Bonferroni), 0 at
--     most. Not a p value to believe: see `z`.
-- grain: layer, head
-- source: Vig et al. 2021 (ICLR) for p, background, shuffling and 100 edges; Wilson 1927; interval and test: jackknife
--   over proteins (Tukey 1958; Cochran 1977, 6.15) with Student's t.
WITH heads_reported AS (
    SELECT *, k / n AS p, n_labelled / n_residues AS background, count(*) OVER () AS n_heads,
           normal_quantile(tail_chance(n_heads)) AS wilson_z,
           CASE $form WHEN 'count' THEN two_proportion_z(k, n, n_labelled, n_residues) END AS z
    FROM label_heads([$label], $proteins, $form)
    WHERE n_edges >= $min_edges AND n > 0
),

tests AS (
    -- A label of every residue has nothing beyond the shuffled that could be tested.
    SELECT *, ratio_test(p - shuffled, error, df, n_heads) AS test
    FROM heads_reported
)

SELECT layer, head, n_proteins, n_edges, round(p, 4) AS p, round(background, 4) AS background,
       round(tests.p / tests.background, 2) AS ratio, round(shuffled, 4) AS shuffled,
       CASE $form WHEN 'count' THEN round(of_enough_proteins(wilson_low(tests.p, n, wilson_z), n_counted), 4)
            END AS wilson_low,
       CASE $form WHEN 'count' THEN round(of_enough_proteins(wilson_high(tests.p, n, wilson_z), n_counted), 4)
            END AS wilson_high,
       round(clamped(tests.p - test.reach, 0, 1), 4) AS proteins_low,
       round(clamped(tests.p + test.reach, 0, 1), 4) AS proteins_high,
       round(test.t, 2) + 0 AS proteins_t, round(test.log10_p, 2) + 0 AS proteins_log10_p,
       round(test.confidence, 6) AS confidence, why_untested(n_counted, df, error) AS note,
       round(tests.z, 2) AS z, round(bonferroni(normal_log10_tail(tests.z), n_heads), 2) + 0 AS log10_p
FROM tests
ORDER BY tests.p DESC, layer, head
