-- title: Heads whose attention across tells labelled binders from other pairs
-- topic: Pairs
-- needs: pairs, pair_heads
-- answers: Do pairs that are labelled as binders attend to each other in another way than other pairs? The labels are
--   those of the file of pairs. The null permutes them over the pairs, and takes the best head of each permutation,
--   so that many heads are no evidence. Pairs that share proteins are not independent, which the permutations do not
--   know: `binders_held_out` judges heads on proteins that did not choose them.
-- empty: No pairs of both kinds are to be compared: those with the label and those without it have to be among the
--   computed heteromers, or among the pairs that `dimers` says.
-- parameters:
--   binder text of pairs.label = binder: Label of pairs that bind; pairs of all other labels do not.
--   statistic text across_share|entropy_across|max_across|n_edges_across = across_share: Which column of
--     `pair_heads`, the mean of both directions and orders.
--   dimers text heteromers|homodimers|all = heteromers: A homodimer attends across as it does within; where binders
--     are homodimers more often than others, this alone tells them apart.
--   permutations int 19..999 = 99: Permutations of the labels.
-- columns:
--   n_binders: Pairs with the label.
--   n_others: Pairs with another label.
--   auc: Chance that a binder has a higher value than another pair, ties half; 0.5 is no difference.
--   mean: Mean of the statistic over binders.
--   mean_others: Mean over the others.
--   null_low: Value that 2.5 % of the permutations are below, of this head.
--   null_high: Value that 2.5 % of the permutations are above, of this head.
--   p: Share of permutations, this one counted, whose best head of the form is as far from 0.5 or farther.
-- grain: form, layer, head
-- source: Mann and Whitney 1947; maximum over heads under permutation: Westfall and Young 1993.
WITH ranked AS (
    -- Tied values share the mean of their ranks.
    SELECT permutation, form, layer, head, value, is_binder,
           rank() OVER (PARTITION BY permutation, form, layer, head ORDER BY value)
           + (count(*) OVER (PARTITION BY permutation, form, layer, head, value) - 1) / 2 AS place
    FROM labelled_pairs($statistic, $binder, $permutations, $dimers)
),

-- AUC of each head, by the labels as they are (permutation 0) and by each permutation.
areas AS (
    SELECT permutation, form, layer, head, count(*) FILTER (is_binder) AS n_binders,
           count(*) FILTER (NOT is_binder) AS n_others, area_of_ranks(place, is_binder) AS auc,
           avg(value) FILTER (is_binder) AS mean, avg(value) FILTER (NOT is_binder) AS mean_others
    FROM ranked
    GROUP BY permutation, form, layer, head
),

-- Of every permutation the head farthest from 0.5.
extremes AS (
    SELECT form, permutation, max(abs(auc - 0.5)) AS distance
    FROM areas
    WHERE permutation > 0
    GROUP BY form, permutation
),

-- The middle 95 % of the permutations.
nulls AS (
    SELECT form, layer, head, quantile_cont(auc, 0.025) AS null_low, quantile_cont(auc, 0.975) AS null_high
    FROM areas
    WHERE permutation > 0
    GROUP BY form, layer, head
)

SELECT form, layer, head, n_binders, n_others, round(auc, 4) AS auc, round(mean, 4) AS mean,
       round(mean_others, 4) AS mean_others, round(null_low, 4) AS null_low, round(null_high, 4) AS null_high,
       round((1 + (SELECT count(*) FROM extremes AS e
                   WHERE e.form = areas.form AND e.distance >= abs(areas.auc - 0.5) - 1e-12))
             / (1 + $permutations), 4) AS p
FROM areas JOIN nulls USING (form, layer, head)
WHERE permutation = 0 AND auc IS NOT NULL
ORDER BY form, abs(auc - 0.5) DESC, layer, head
