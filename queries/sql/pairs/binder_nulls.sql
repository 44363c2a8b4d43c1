-- title: Whether what tells binders apart is of the pair, or of its proteins
-- topic: Pairs
-- needs: pairs, pair_heads, pair_nulls
-- answers: Do heads tell labelled binders from other pairs better than they do with the partner swapped for that of
--   another pair, and with the letters of both shuffled? Binders may differ from others in length, in composition or in
--   the family of one protein. What the nulls tell apart as well, by the same labels, is no answer to the partner.
-- empty: No pairs of both kinds are to be compared: those with the label and those without it have to be among the
--   computed heteromers, or among the pairs that `dimers` says.
-- parameters:
--   binder text of pairs.label = binder: Label of pairs that bind; pairs of all other labels do not.
--   statistic text across_share|entropy_across|max_across|n_edges_across = across_share: Which column of
--     `pair_heads`, the mean of both directions and orders.
--   dimers text heteromers|homodimers|all = heteromers: A homodimer attends across as it does within; where binders
--     are homodimers more often than others, this alone tells them apart.
-- columns:
--   n_binders: Pairs with the label.
--   n_others: Pairs with another label.
--   n_groups: Homology groups of these pairs; they are the independent units.
--   auc: Chance that a binder has a higher value than another pair, ties half; 0.5 is no difference.
--   low: Lower end of its interval at the level `confidence`, over homology groups. It leaves out 0.5 if and only if
--     log10_p is below -1.3.
--   high: Upper end.
--   log10_p: Logarithm to base 10 of the two-sided p value of auc less 0.5, times the number of rows of the form
--     (Bonferroni), 0 at most.
--   swapped: The same chance by the values with swapped partners; empty where no partner is swapped.
--   swapped_low: Lower end of its interval.
--   swapped_high: Upper end.
--   swapped_log10_p: As log10_p, of auc less swapped.
--   shuffled: The same chance by the values with shuffled letters.
--   shuffled_low: Lower end of its interval.
--   shuffled_high: Upper end.
--   shuffled_log10_p: As log10_p, of auc less shuffled.
--   confidence: Level of the intervals: 1 - 0.05 / number of rows of the form.
--   note: Why a row has no interval and no p value; empty if it has them.
-- grain: form, layer, head
-- source: Mann and Whitney 1947; errors over groups: Obuchowski, Biometrics 1997, with Student's t. Swapped partners
--   are not proven not to bind.
WITH numbers AS (
    SELECT {'form': form, 'layer': layer, 'head': head, 'kind': kind} AS key, homology_group, is_binder AS is_member,
           value
    FROM labelled_numbers($statistic, $binder, $dimers)
),

-- Each homology group with its part in the AUC of a head, for each kind.
parts AS (
    SELECT key.form AS form, key.layer AS layer, key.head AS head, key.kind AS kind, * EXCLUDE (key)
    FROM area_parts('numbers')
),

-- Each homology group with its part in the area of every kind.
of_groups AS (
    SELECT form, layer, head, homology_group, any_value(n_members) AS n_binders, any_value(n_others) AS n_others,
           any_value(groups_df(n_member_groups, n_other_groups)) AS df,
           any_value(auc) FILTER (kind = 'given') AS auc, any_value(part) FILTER (kind = 'given') AS part,
           any_value(auc) FILTER (kind = 'swapped') AS swapped,
           any_value(part) FILTER (kind = 'swapped') AS swapped_part,
           any_value(auc) FILTER (kind = 'shuffled') AS shuffled,
           any_value(part) FILTER (kind = 'shuffled') AS shuffled_part
    FROM parts
    GROUP BY form, layer, head, homology_group
),

-- The AUC of each kind, its standard error, and that of the difference from the given pairs.
areas AS (
    SELECT form, layer, head, n_binders, n_others, df, count(*) AS n_groups, auc, swapped, shuffled,
           parts_error(part) AS error, parts_error(swapped_part) AS swapped_error,
           parts_error(shuffled_part) AS shuffled_error, parts_error(part - swapped_part) AS beyond_swapped_error,
           parts_error(part - shuffled_part) AS beyond_shuffled_error
    FROM of_groups
    GROUP BY ALL
),

-- All heads of a form are tests of one question (Bonferroni).
tests AS (
    SELECT *, ratio_test(auc - 0.5, error, df, n_tests) AS test,
           ratio_test(swapped - 0.5, swapped_error, df, n_tests) AS swapped_test,
           ratio_test(shuffled - 0.5, shuffled_error, df, n_tests) AS shuffled_test,
           ratio_test(auc - swapped, beyond_swapped_error, df, n_tests) AS beyond_swapped,
           ratio_test(auc - shuffled, beyond_shuffled_error, df, n_tests) AS beyond_shuffled
    FROM (SELECT *, count(*) OVER (PARTITION BY form) AS n_tests FROM areas)
)

SELECT form, layer, head, n_binders, n_others, n_groups, round(auc, 4) AS auc,
       round(clamped(auc - test.reach, 0, 1), 4) + 0 AS low, round(clamped(auc + test.reach, 0, 1), 4) + 0 AS high,
       round(test.log10_p, 2) + 0 AS log10_p, round(swapped, 4) AS swapped,
       round(clamped(swapped - swapped_test.reach, 0, 1), 4) + 0 AS swapped_low,
       round(clamped(swapped + swapped_test.reach, 0, 1), 4) + 0 AS swapped_high,
       round(beyond_swapped.log10_p, 2) + 0 AS swapped_log10_p, round(shuffled, 4) AS shuffled,
       round(clamped(shuffled - shuffled_test.reach, 0, 1), 4) + 0 AS shuffled_low,
       round(clamped(shuffled + shuffled_test.reach, 0, 1), 4) + 0 AS shuffled_high,
       round(beyond_shuffled.log10_p, 2) + 0 AS shuffled_log10_p, round(test.confidence, 6) AS confidence,
       CASE WHEN df IS NULL THEN 'fewer than ' || fewest_proteins() || ' homology groups of binders, or of others'
            WHEN error IS NULL THEN 'all pairs of either kind agree' END AS note
FROM tests
ORDER BY form, abs(tests.auc - 0.5) DESC, layer, head
