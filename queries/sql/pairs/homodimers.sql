-- title: How much of the map within a homodimer repeats across, by head
-- topic: Pairs
-- needs: pair_heads
-- answers: If both proteins of a pair have the same sequence, does a head attend across as it does within? Then its
--   contacts across only repeat those within, and are not evidence of an interface. The attention across of
--   heteromers is given for comparison. Pairs of one sequence are one independent unit. Homologous sequences count as
--   independent, because homology groups are of pairs with known contacts or labels, which need not be these: leave all
--   but one of a family out of the file of pairs.
-- columns:
--   n_pairs: Pairs of a sequence with itself.
--   n_sequences: Distinct sequences of these pairs; they are the independent units.
--   mirror: Correlation of the map across with the map within, residue by residue; mean over these pairs.
--   low: Lower end of its interval at the level `confidence`, by a jackknife over sequences and Student's t. It leaves
--     out 0 if and only if log10_p is below -1.3.
--   high: Upper end.
--   log10_p: Logarithm to base 10 of its two-sided p value times the number of rows of the form (Bonferroni), 0 at
--     most.
--   confidence: Level of the interval: 1 - 0.05 / number of rows of the form.
--   note: Why a row has no interval and no p value; empty if it has them.
--   across_share: Share of attention to the other protein; mean over these pairs.
--   n_heteromers: Pairs of two different sequences.
--   heteromers_across_share: Share of attention to the other protein in heteromers.
-- grain: form, layer, head
-- source: Pearson's correlation; interval and test: jackknife over sequences (Tukey 1958) with Student's t.
WITH mirrors AS (
    SELECT form, layer, head, pair_id, sequence_id, value
    FROM pair_statistics('mirror')
    JOIN (SELECT DISTINCT pair_id, sequence_id FROM main.pair_heads WHERE mirror IS NOT NULL) USING (pair_id)
),

shares AS (
    SELECT s.form, s.layer, s.head, avg(s.value) FILTER (m.pair_id IS NOT NULL) AS across_share,
           count(*) FILTER (m.pair_id IS NULL) AS n_heteromers,
           avg(s.value) FILTER (m.pair_id IS NULL) AS heteromers_across_share
    FROM pair_statistics('across_share') AS s LEFT JOIN mirrors AS m USING (form, layer, head, pair_id)
    GROUP BY s.form, s.layer, s.head
),

means AS (
    FROM group_means((SELECT list({'family': form, 'key': {'layer': layer, 'head': head},
                                   'homology_group': sequence_id, 'value': value, 'baseline': 0}) FROM mirrors))
)

SELECT form, layer, head, n_values AS n_pairs, n_groups AS n_sequences, round(mean, 4) AS mirror,
       round(clamped(low, -1, 1), 4) + 0 AS low, round(clamped(high, -1, 1), 4) + 0 AS high,
       round(log10_p, 2) + 0 AS log10_p, round(confidence, 6) AS confidence,
       replace(replace(note, 'homology groups', 'sequences'), 'one homology group', 'one sequence') AS note,
       round(across_share, 4) AS across_share, n_heteromers,
       round(heteromers_across_share, 4) AS heteromers_across_share
FROM means JOIN shares ON form = family AND layer = key.layer AND head = key.head
ORDER BY form, mean DESC, layer, head
