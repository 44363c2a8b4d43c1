-- title: How well attention received across predicts interface residues
-- topic: Pairs
-- needs: pair_head_contacts
-- answers: Does a residue at the interface receive more from the other protein than residues elsewhere, in which
--   layer and head? The nulls are the same with the partner swapped for that of another pair, and with shuffled
--   letters. What swapped partners give as well is not a response to the partner: for example, any partner may tell
--   surface residues from others.
-- parameters:
--   measure text auroc|auprc = auroc: What is averaged over proteins.
--   maps text heads|layers = heads: Every head, or the mean map of the heads of each layer.
--   dimers text heteromers|homodimers|all = heteromers: Pairs that count; homodimers are listed separately.
-- columns:
--   n_groups: Homology groups of the pairs; they are the independent units.
--   n_chains: Proteins of pairs that have residues of both kinds: two a pair at most.
--   value: Mean of the measure over both proteins of all pairs.
--   low: Lower end of its interval at the level `confidence`, by a jackknife over homology groups and Student's t. It
--     leaves out `chance` if and only if log10_p is below -1.3.
--   high: Upper end.
--   chance: 0.5, or the mean share of interface residues.
--   log10_p: Logarithm to base 10 of the two-sided p value of the value less chance, times the number of rows of the
--     form (Bonferroni), 0 at most.
--   swapped: Mean over the proteins of the pairs with swapped partners, each judged on the interface with its own.
--   swapped_log10_p: As log10_p, of the value less that of the same protein of the pair, its partner swapped.
--   shuffled: Mean over the same proteins with shuffled letters.
--   shuffled_log10_p: The same of the value less the shuffled one.
--   confidence: Level of the interval: 1 - 0.05 / number of rows of the form.
--   note: Why a row has no interval and no p value; empty if it has them.
-- grain: form, layer, head
-- source: Mann and Whitney 1947: ties count half; interval and test: jackknife over groups (Tukey 1958; Cochran 1977,
--   6.15) with Student's t. Swapped partners are not proven not to bind.
WITH sides AS (
    -- A row for each protein of a pair: what it receives from the other.
    SELECT form, layer, coalesce(head, -1) AS head, kind, pair_id, homology_group,
           unnest([{'side': 'accession', 'auroc': interface_auroc, 'auprc': interface_auprc,
                    'share': n_interface / n_residues},
                   {'side': 'partner', 'auroc': partner_interface_auroc, 'auprc': partner_interface_auprc,
                    'share': n_partner_interface / n_partner_residues}], max_depth := 2)
    FROM pair_head_contacts
    WHERE (head IS NULL) = ($maps = 'layers') AND of_dimers(is_homodimer, $dimers)
),

-- The measure that is asked for, with what it is by chance.
side_measures AS (
    SELECT form, {'layer': layer, 'head': head} AS key, kind, pair_id, side, homology_group,
           CASE $measure WHEN 'auroc' THEN auroc ELSE auprc END::DOUBLE AS value,
           CASE $measure WHEN 'auroc' THEN 0.5 ELSE share END::DOUBLE AS chance
    FROM sides
),

-- The partner of a swapped pair is another protein: only `accession` is compared with itself.
comparisons AS (
    SELECT g.form, g.key, g.homology_group, g.side, g.value, g.chance, w.value AS swapped, s.value AS shuffled
    FROM side_measures AS g
    LEFT JOIN side_measures AS w
        ON w.form = g.form AND w.key = g.key AND w.pair_id = g.pair_id AND w.side = g.side AND w.kind = 'swapped'
    LEFT JOIN side_measures AS s
        ON s.form = g.form AND s.key = g.key AND s.pair_id = g.pair_id AND s.side = g.side AND s.kind = 'shuffled'
    WHERE g.kind = 'given'
),

-- Means and tests: the value against chance, swapped partners, shuffled letters.
against_chance AS (
    FROM group_means((SELECT list({'family': form, 'key': key, 'homology_group': homology_group, 'value': value,
                                   'baseline': chance}) FROM comparisons))
),

against_swapped AS (
    FROM group_means((SELECT list({'family': form, 'key': key, 'homology_group': homology_group, 'value': value,
                                   'baseline': swapped}) FROM comparisons WHERE side = 'accession'))
),

against_shuffled AS (
    FROM group_means((SELECT list({'family': form, 'key': key, 'homology_group': homology_group, 'value': value,
                                   'baseline': shuffled}) FROM comparisons))
),

-- Of all swapped pairs, also of those whose own pair has no value.
swapped_means AS (
    SELECT form AS family, key, avg(value) AS swapped FROM side_measures WHERE kind = 'swapped' GROUP BY form, key
)

SELECT c.family AS form, c.key.layer AS layer, nullif(c.key.head, -1) AS head, c.n_groups, c.n_values AS n_chains,
       round(c.mean, 4) AS value, round(clamped(c.low, 0, 1), 4) + 0 AS low,
       round(clamped(c.high, 0, 1), 4) + 0 AS high,
       round(c.baseline, 4) AS chance, round(c.log10_p, 2) + 0 AS log10_p, round(m.swapped, 4) AS swapped,
       round(w.log10_p, 2) + 0 AS swapped_log10_p, round(s.baseline, 4) AS shuffled,
       round(s.log10_p, 2) + 0 AS shuffled_log10_p, round(c.confidence, 6) AS confidence, c.note
FROM against_chance AS c
LEFT JOIN swapped_means AS m USING (family, key)
LEFT JOIN against_swapped AS w USING (family, key)
LEFT JOIN against_shuffled AS s USING (family, key)
ORDER BY form, c.mean DESC, layer, head
