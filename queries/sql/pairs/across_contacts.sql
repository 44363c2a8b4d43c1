-- title: How well each head finds the contacts between two proteins
-- topic: Pairs
-- needs: pair_head_contacts
-- answers: Does attention between two proteins of a pair point at their contacts, in which layer and head? Beside it
--   the value by chance, and that of the same pairs with the letters of both proteins shuffled. The best of many
--   heads is
--   better than chance by chance: `fused_across_contacts` chooses heads on some pairs and judges them on others.
-- parameters:
--   measure text auroc|auprc|precision_1|precision_5|precision_10|precision_l10 = auroc: What is averaged over pairs:
--     the area under the receiver's curve, the average precision, or the share of contacts among the best 1, 5, 10 or
--     L/10 pairs of residues, L being the residues of the shorter protein.
--   maps text heads|layers = heads: Every head, or the mean map of the heads of each layer.
--   dimers text heteromers|homodimers|all = heteromers: A homodimer's map across mirrors the map within; they stand
--     apart.
-- columns:
--   n_groups: Homology groups of the pairs; they are the independent units.
--   n_pairs: Pairs of proteins.
--   value: Mean of the measure over pairs.
--   low: Lower end of its interval at the level `confidence`, by a jackknife over homology groups and Student's t. It
--     leaves out `chance` if and only if log10_p is below -1.3.
--   high: Upper end.
--   chance: Mean over pairs of what scores without a relation to contacts give: 0.5, or the density of contacts.
--   t: Student's t of the value less chance.
--   log10_p: Logarithm to base 10 of its two-sided p value times the number of rows of the form (Bonferroni), 0 at
--     most.
--   shuffled: Mean of the measure on the same pairs with shuffled letters.
--   shuffled_t: Student's t of the value less the shuffled one, pair by pair.
--   shuffled_log10_p: As log10_p.
--   confidence: Level of the interval: 1 - 0.05 / number of rows of the form.
--   note: Why a row has no interval and no p value; empty if it has them.
-- grain: form, layer, head
-- source: Mann and Whitney 1947: ties count half; interval and test: jackknife over groups (Tukey 1958; Cochran 1977,
--   6.15) with Student's t.
WITH pair_measures AS (
    -- A row for each pair, map and kind, with the measure that is asked for.
    SELECT form, layer, coalesce(head, -1) AS head, kind, pair_id, homology_group,
           list_filter(contact_measures(p), lambda part: part.measure = $measure)[1] AS part
    FROM pair_head_contacts AS p
    WHERE kind IN ('given', 'shuffled') AND (head IS NULL) = ($maps = 'layers') AND of_dimers(is_homodimer, $dimers)
),

-- Each pair with its own shuffled null.
comparisons AS (
    SELECT g.form, {'layer': g.layer, 'head': g.head} AS key, g.homology_group, g.part.value AS value,
           g.part.chance AS chance, s.part.value AS shuffled
    FROM pair_measures AS g
    LEFT JOIN pair_measures AS s
        ON s.form = g.form AND s.layer = g.layer AND s.head = g.head AND s.pair_id = g.pair_id AND s.kind = 'shuffled'
    WHERE g.kind = 'given'
),

against_chance AS (
    FROM group_means((SELECT list({'family': form, 'key': key, 'homology_group': homology_group, 'value': value,
                                   'baseline': chance}) FROM comparisons))
),

against_shuffled AS (
    FROM group_means((SELECT list({'family': form, 'key': key, 'homology_group': homology_group, 'value': value,
                                   'baseline': shuffled}) FROM comparisons))
)

SELECT c.family AS form, c.key.layer AS layer, nullif(c.key.head, -1) AS head, c.n_groups, c.n_values AS n_pairs,
       round(c.mean, 4) AS value, round(clamped(c.low, 0, 1), 4) + 0 AS low,
       round(clamped(c.high, 0, 1), 4) + 0 AS high,
       round(c.baseline, 4) AS chance, round(c.t, 2) + 0 AS t, round(c.log10_p, 2) + 0 AS log10_p,
       round(s.baseline, 4) AS shuffled, round(s.t, 2) + 0 AS shuffled_t,
       round(s.log10_p, 2) + 0 AS shuffled_log10_p, round(c.confidence, 6) AS confidence, c.note
FROM against_chance AS c LEFT JOIN against_shuffled AS s USING (family, key)
ORDER BY form, c.mean DESC, layer, head
