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
--   auc_low: Lower end of its interval with proteins as the independent units, at the level `confidence`, by a
--     jackknife over proteins and Student's t. It leaves out 0.5 if and only if log10_p is below -1.3.
--   auc_high: Upper end.
--   t: Student's t of the AUC less 0.5, by the same error.
--   log10_p: Logarithm to base 10 of its two-sided p value times the number of heads (Bonferroni), 0 at most.
--   confidence: Level of the interval: 1 - 0.05 / number of heads, so that all hold at once with 95 %.
--   note: Why a row has no interval and no p value; empty if it has them.
--   n_heads: Heads that are reported of the label.
-- grain: label, layer, head
-- source: Mann and Whitney 1947: ties count half; interval and test: jackknife over proteins (Tukey 1958; Cochran 1977,
--   6.15) with Student's t.
WITH carriers AS (
    -- A sequence under several accessions counts once: as the first of those that carry it.
    SELECT label, min(accession) AS accession
    FROM labels
    WHERE ($labels IS NULL OR label IN (SELECT unnest($labels::VARCHAR[])))
          AND n_labelled < length
          AND ($proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[])))
    GROUP BY label, sequence_id
),

-- The AUC of each protein, and what it counts.
of_proteins AS (
    SELECT f.label, f.layer, f.head, l.n_labelled, l.length, f.auc::DOUBLE AS auc,
           CASE $weights WHEN 'pairs' THEN l.n_labelled::DOUBLE * (l.length - l.n_labelled) ELSE 1 END AS weight
    FROM carriers AS c
    JOIN labels AS l ON l.accession = c.accession AND l.label = c.label
    JOIN head_features AS f ON f.accession = c.accession AND f.label = c.label
    WHERE f.auc IS NOT NULL
),

-- Sums over proteins; `beyond` is what the AUC has over one half, weighted.
totals AS (
    SELECT label, layer, head, count(*) AS n_proteins, sum(n_labelled)::BIGINT AS n_labelled,
           sum(length)::BIGINT AS n_residues, sum(weight) AS weight, sum(weight ^ 2) AS weight_squares,
           sum(weight * (auc - 0.5)) AS beyond
    FROM of_proteins
    GROUP BY label, layer, head
    HAVING count(*) >= $min_proteins
),

-- The mean is a ratio of two sums over proteins: its error is that of leaving out one protein after the other.
changes AS (
    SELECT label, layer, head,
           sum(change_without(p.weight * (p.auc - 0.5), p.weight, t.beyond, t.weight) ^ 2) AS squares
    FROM of_proteins AS p JOIN totals AS t USING (label, layer, head)
    GROUP BY label, layer, head
),

-- The AUC of each head, and its error over proteins.
errors AS (
    SELECT t.*, 0.5 + beyond / weight AS auc, count(*) OVER (PARTITION BY label) AS n_heads,
           error_over_proteins(n_proteins, squares, 0) AS error, effective_df(n_proteins, weight, weight_squares) AS df
    FROM totals AS t JOIN changes USING (label, layer, head)
),

tests AS (SELECT *, ratio_test(auc - 0.5, error, df, n_heads) AS test FROM errors)

SELECT label, layer, head, n_proteins, n_labelled, n_residues, round(tests.auc, 4) AS auc,
       round(clamped(tests.auc - test.reach, 0, 1), 4) AS auc_low,
       round(clamped(tests.auc + test.reach, 0, 1), 4) AS auc_high,
       round(test.t, 2) + 0 AS t, round(test.log10_p, 2) + 0 AS log10_p, round(test.confidence, 6) AS confidence,
       why_untested(n_proteins, df, error) AS note, n_heads
FROM tests
ORDER BY label, tests.auc DESC, layer, head
