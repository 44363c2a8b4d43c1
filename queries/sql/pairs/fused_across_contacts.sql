-- title: How well fused heads find contacts between two other proteins
-- topic: Pairs
-- needs: pair_choices
-- answers: Do heads that find contacts on a few pairs find them on others? In each split of the pairs, heads are
--   chosen by their mean AUROC on pairs of some homology groups and judged on pairs of all other groups. Rows also
--   have the value by chance, and that of the same heads on the nulls. Swapped partners are judged on interface
--   residues alone.
-- parameters:
--   dimers text heteromers|homodimers|all = heteromers: Pairs that judge; homodimers never choose heads.
-- columns:
--   measure: `auroc` and `auprc` of contacts; `precision_1`, `_5`, `_10` and `_l10`, the share of contacts among so
--     many best pairs of residues; `interface_auroc`, of interface residues by the attention that they receive.
--   n_splits: Splits of the pairs.
--   n_groups: Homology groups that judge in any split; they are the independent units.
--   n_pairs: Pairs that judge in any split.
--   value: Mean of the measure over the judging pairs of all splits.
--   low: Lower end of its interval at the level `confidence`, by a jackknife over homology groups and Student's t. It
--     leaves out `chance` if and only if log10_p is below -1.3.
--   high: Upper end.
--   chance: Mean of what scores without a relation to contacts give: 0.5, or the density of contacts.
--   log10_p: Logarithm to base 10 of the two-sided p value of the value less chance, times the rows of the form
--     (Bonferroni), 0 at most.
--   shuffled: Mean of the measure of the same heads on the same pairs with shuffled letters.
--   shuffled_log10_p: The same of the value less the shuffled one, pair by pair.
--   swapped: Mean with swapped partners, over the splits in which neither pair's group has chosen the heads.
--   swapped_low: Lower end of its interval by the same jackknife, over the homology groups of the pairs whose partner
--     is swapped; corrected for the rows of the form that have it.
--   swapped_high: Upper end.
--   swapped_log10_p: As shuffled_log10_p, of the value less the swapped one where both are of `accession` alone,
--     because the partner is another protein; times the rows of the form that have it.
--   confidence: Level of the interval: 1 - 0.05 / number of rows of the form.
--   note: Why a row has no interval and no p value; empty if it has them.
-- grain: form, n_heads, measure
-- source: Heads by mean AUROC on ten pairs, 20 splits by homology group; jackknife over groups (Tukey 1958; Cochran
--   1977, 6.15) with Student's t.
WITH pair_measures AS (
    SELECT form, n_heads, split, kind, pair_id, homology_group, unnest(contact_measures(p), max_depth := 2)
    FROM pair_choices AS p
    WHERE of_dimers(is_homodimer, $dimers)
),

-- Each pair with its own shuffled null.
comparisons AS (
    SELECT g.form, {'n_heads': g.n_heads, 'measure': g.measure} AS key, g.homology_group, g.value, g.chance,
           s.value AS shuffled
    FROM pair_measures AS g
    LEFT JOIN pair_measures AS s
        ON s.form = g.form AND s.n_heads = g.n_heads AND s.split = g.split AND s.pair_id = g.pair_id
           AND s.measure = g.measure AND s.kind = 'shuffled'
    WHERE g.kind = 'given'
),

against_chance AS (
    FROM group_means((SELECT list({'family': form, 'key': key, 'homology_group': homology_group, 'value': value,
                                   'baseline': chance}) FROM comparisons))
),

against_shuffled AS (
    FROM group_means((SELECT list({'family': form, 'key': key, 'homology_group': homology_group, 'value': value,
                                   'baseline': shuffled}) FROM comparisons))
),

-- The other null, of both proteins of every pair.
swapped_means AS (
    FROM group_means((SELECT list({'family': form, 'key': {'n_heads': n_heads, 'measure': measure},
                                   'homology_group': homology_group, 'value': value, 'baseline': chance})
                      FROM pair_measures WHERE kind = 'swapped'))
),

-- The same protein with its own partner and with another.
against_swapped AS (
    FROM group_means((SELECT list({'family': g.form, 'key': {'n_heads': g.n_heads, 'measure': 'interface_auroc'},
                                   'homology_group': g.homology_group, 'value': g.interface_auroc,
                                   'baseline': s.interface_auroc})
                      FROM pair_choices AS g
                      JOIN pair_choices AS s
                          ON s.form = g.form AND s.n_heads = g.n_heads AND s.split = g.split AND s.pair_id = g.pair_id
                             AND s.kind = 'swapped'
                      WHERE g.kind = 'given' AND of_dimers(g.is_homodimer, $dimers)))
),

-- What judges, counted once however many splits it judges in.
counts AS (
    SELECT form, n_heads, measure, count(DISTINCT split) FILTER (kind = 'given') AS n_splits,
           count(DISTINCT pair_id) FILTER (kind = 'given' AND value IS NOT NULL) AS n_pairs
    FROM pair_measures
    GROUP BY form, n_heads, measure
)

SELECT form, n_heads, measure, n_splits, c.n_groups, n_pairs, round(c.mean, 4) AS value,
       round(clamped(c.low, 0, 1), 4) + 0 AS low, round(clamped(c.high, 0, 1), 4) + 0 AS high,
       round(c.baseline, 4) AS chance, round(c.log10_p, 2) + 0 AS log10_p,
       round(s.baseline, 4) AS shuffled, round(s.log10_p, 2) + 0 AS shuffled_log10_p,
       round(m.mean, 4) AS swapped, round(clamped(m.low, 0, 1), 4) + 0 AS swapped_low,
       round(clamped(m.high, 0, 1), 4) + 0 AS swapped_high, round(w.log10_p, 2) + 0 AS swapped_log10_p,
       round(c.confidence, 6) AS confidence, c.note
FROM against_chance AS c
LEFT JOIN against_shuffled AS s USING (family, key)
LEFT JOIN swapped_means AS m USING (family, key)
LEFT JOIN against_swapped AS w USING (family, key)
JOIN counts ON form = c.family AND n_heads = c.key.n_heads AND measure = c.key.measure
ORDER BY form, n_heads, measure
