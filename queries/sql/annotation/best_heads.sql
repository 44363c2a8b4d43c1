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
--     at once (Bonferroni), by Student's t. Empty for one protein, and where all agree.
--   proteins_high: Upper end.
--   proteins_t: Student's t of what the residues with the label of a protein get beyond the shuffled, mean over
--     proteins over its standard error. Empty where all proteins agree.
--   proteins_log10_p: Logarithm to base 10 of its two-sided p value times the number of reported heads (Bonferroni), 0
--     at most; in every form.
--   n_heads: Heads of this label that are reported.
-- grain: label, layer, head
-- source: Vig et al. 2021 (ICLR); interval over proteins: linearised, Cochran 1977, 6.4, with Student's t.
WITH reported AS (
    SELECT *, k / n AS p, n_labelled / n_residues AS background, count(*) OVER (PARTITION BY label) AS n_heads,
           n_proteins - 1 AS df, one_sample_t(n_proteins, d, dd) AS t
    FROM label_heads($labels, $proteins, $form)
    WHERE label <> 'residue' AND n_edges >= $min_edges AND n > 0
),
placed AS (
    SELECT *, row_number() OVER (PARTITION BY label ORDER BY p DESC, layer, head) AS place
    FROM reported
),
tested AS (
    SELECT *, ratio_error(n_proteins, p, n, kk, kn, nn)
              * student_t_quantile(0.025 / n_heads, df) AS reach
    FROM placed
    WHERE place <= $n
)
SELECT label, place, layer, head, n_proteins, n_edges, round(p, 4) AS p, round(background, 4) AS background,
       round(tested.p / background, 2) AS ratio, round(shuffled, 4) AS shuffled,
       round(clamped(tested.p - reach, 0, 1), 4) AS proteins_low,
       round(clamped(tested.p + reach, 0, 1), 4) AS proteins_high,
       round(t, 2) + 0 AS proteins_t,
       round(bonferroni(student_t_log10_tail(t, df), n_heads), 2) + 0 AS proteins_log10_p,
       n_heads
FROM tested
ORDER BY label, place, layer, head
