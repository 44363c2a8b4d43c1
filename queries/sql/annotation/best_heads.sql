-- title: The best heads of every label
-- topic: Annotation
-- needs: labels, head_features
-- answers: Which head attends most to each type of feature and each amino acid? Each label over the proteins that carry
--   it, as in `head_labels`. The best of many heads is above the background by chance as well: interval and p value are
--   of all reported heads of the label at once, not of all labels.
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
--   ratio: p over background; 1 means no preference.
--   shuffled: What p is if the attention of each residue is shuffled over the residues of its protein.
--   proteins_low: Lower end of the interval of p with proteins as the independent units, at the level `confidence`: p
--     less the reach of what p is beyond the shuffled, by a jackknife over proteins and Student's t. It leaves out the
--     shuffled if and only if proteins_log10_p is below -1.3.
--   proteins_high: Upper end.
--   proteins_t: Student's t of p less the shuffled, by the same error.
--   proteins_log10_p: Logarithm to base 10 of its two-sided p value times the number of reported heads (Bonferroni), 0
--     at most; in every form.
--   confidence: Level of the interval: 1 - 0.05 / number of reported heads, so that all hold at once with 95 %.
--   note: Why a row has no interval and no p value; empty if it has them.
--   n_heads: Heads of this label that are reported.
-- grain: label, layer, head
-- source: Vig et al. 2021 (ICLR); interval and test: jackknife over proteins (Tukey 1958; Cochran 1977, 6.15) with
--   Student's t.
WITH heads_reported AS (
    -- Heads with enough edges to be judged.
    SELECT *, k / n AS p, n_labelled / n_residues AS background, count(*) OVER (PARTITION BY label) AS n_heads
    FROM label_heads($labels, $proteins, $form)
    WHERE label <> 'residue' AND n_edges >= $min_edges AND n > 0
),

-- The first n heads of each label by p.
best AS (
    SELECT *, row_number() OVER (PARTITION BY label ORDER BY p DESC, layer, head) AS place
    FROM heads_reported
    QUALIFY place <= $n
),

-- Corrected for all reported heads of the label, not for those shown: the best were chosen among all.
tests AS (SELECT *, ratio_test(p - shuffled, error, df, n_heads) AS test FROM best)

SELECT label, place, layer, head, n_proteins, n_edges, round(p, 4) AS p, round(background, 4) AS background,
       round(tests.p / tests.background, 2) AS ratio, round(shuffled, 4) AS shuffled,
       round(clamped(tests.p - test.reach, 0, 1), 4) AS proteins_low,
       round(clamped(tests.p + test.reach, 0, 1), 4) AS proteins_high,
       round(test.t, 2) + 0 AS proteins_t, round(test.log10_p, 2) + 0 AS proteins_log10_p,
       round(test.confidence, 6) AS confidence, why_untested(n_counted, df, error) AS note, n_heads
FROM tests
ORDER BY label, place, layer, head
