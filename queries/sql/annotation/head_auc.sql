-- title: How well each head tells residues with a label from the others
-- topic: Annotation
-- needs: labels, head_features
-- answers: Which heads single out active sites among the residues of a protein? AUC is the chance that a residue with
--   the label receives more from the head than one without; 0.5 is none, below it they receive less. A head that tells
--   letters apart tells apart what is made of few letters: so heads of random weights go to either side of 0.5 too.
-- parameters:
--   labels texts of labels.label = all: Labels of the probe: types of feature, or `aa:` and a letter.
--   weights text protein|pairs = protein: What counts the same: every protein, or every pair of a residue with the
--     label and one without.
--   proteins proteins = all: Ids to count over.
--   min_proteins int 1.. = 5: Fewest proteins of a label that is reported.
-- columns:
--   n_proteins: Proteins with residues of both kinds, one for each sequence.
--   n_labelled: Their residues with the label.
--   n_residues: All their residues.
--   auc: Mean over proteins of the AUC within each.
--   auc_low: Lower end of its interval with proteins as what is independent, of 95 % over all heads at once
--     (Bonferroni), by Student's t. Empty for one protein, and where all agree.
--   auc_high: Upper end.
--   t: AUC less 0.5 over its standard error; empty where all proteins agree.
--   log10_p: Logarithm to base 10 of its two-sided p value times the number of heads (Bonferroni), 0 at most.
--   n_heads: Heads that are reported of the label.
-- grain: label, layer, head
-- source: Mann and Whitney 1947: ties count half; ratio of sums over proteins: linearised, Cochran 1977, 6.4, with
--   Student's t.
WITH chosen AS (
    SELECT label, min(accession) AS accession
    FROM labels
    WHERE ($labels IS NULL OR label IN (SELECT unnest($labels::VARCHAR[])))
          AND n_labelled < length
          AND ($proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[])))
    GROUP BY label, sequence_id
),
of_proteins AS (
    SELECT f.label, f.layer, f.head, l.n_labelled, l.length, f.auc::DOUBLE AS auc,
           CASE $weights WHEN 'pairs' THEN l.n_labelled::DOUBLE * (l.length - l.n_labelled) ELSE 1 END AS weight
    FROM chosen AS c
    JOIN labels AS l ON l.accession = c.accession AND l.label = c.label
    JOIN head_features AS f ON f.accession = c.accession AND f.label = c.label
    WHERE f.auc IS NOT NULL
),
sums AS (
    SELECT label, layer, head, count(*) AS n_proteins, sum(n_labelled)::BIGINT AS n_labelled,
           sum(length)::BIGINT AS n_residues, min(auc) < max(auc) AS differs, sum(weight) AS w,
           sum(weight * (auc - 0.5)) / w AS beyond, sum(weight ^ 2) AS ww, sum(weight ^ 2 * (auc - 0.5)) AS wwx,
           sum((weight * (auc - 0.5)) ^ 2) AS wwxx
    FROM of_proteins
    GROUP BY label, layer, head
    HAVING count(*) >= $min_proteins
),
summed AS (
    SELECT label, layer, head, n_proteins, n_labelled, n_residues, 0.5 + beyond AS auc,
           CASE WHEN differs THEN greatest(wwxx - 2 * beyond * wwx + beyond ^ 2 * ww, 0) ELSE 0 END AS spread,
           sqrt(n_proteins / nullif(n_proteins - 1, 0) * spread) / w AS se
    FROM sums
),
corrected AS (
    SELECT *, n_proteins - 1 AS df, (auc - 0.5) / nullif(se, 0) AS t, count(*) OVER (PARTITION BY label) AS n_heads
    FROM summed
),
tested AS (
    SELECT *, nullif(se, 0) * student_t_quantile(0.025 / n_heads, df) AS half
    FROM corrected
)
SELECT label, layer, head, n_proteins, n_labelled, n_residues, round(tested.auc, 4) AS auc,
       round(clamped(tested.auc - half, 0, 1), 4) AS auc_low,
       round(clamped(tested.auc + half, 0, 1), 4) AS auc_high,
       round(t, 2) + 0 AS t,
       round(bonferroni(student_t_log10_tail(t, df), n_heads), 2) + 0 AS log10_p, n_heads
FROM tested
ORDER BY label, tested.auc DESC, layer, head
