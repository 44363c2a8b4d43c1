-- title: Whether a head that tells binders apart does so on new proteins
-- topic: Pairs
-- needs: pairs, pair_heads
-- answers: Does a head that tells labelled binders from other pairs do so on new proteins? The proteins are dealt
--   into folds. Of each fold, the head farthest from 0.5 is chosen on the pairs of which neither protein is in the
--   fold, and judged on the pairs of which both are: no sequence is on both sides. The null does all this with
--   permuted labels.
-- empty: No fold has pairs with the label and pairs without it both among those that choose a head and among those that
--   judge it: that takes more pairs of either kind, or fewer `folds`; the question binders asks without folds.
-- parameters:
--   binder text of pairs.label = binder: Label of pairs that bind; pairs of all other labels do not.
--   statistic text across_share|entropy_across|max_across|n_edges_across = across_share: Which column of
--     `pair_heads`, the mean of both directions and orders.
--   folds int 2..20 = 3: Folds of the proteins, dealt by a checksum of the sequence: proteins of one sequence are in
--     one fold.
--   dimers text heteromers|homodimers|all = heteromers: A homodimer attends across as it does within; where binders
--     are homodimers more often than others, this alone tells them apart.
--   permutations int 19..999 = 99: Permutations of the labels.
-- columns:
--   fold: Number of the fold, from 0.
--   layer: Layer of the head that was chosen.
--   head: The head that was chosen.
--   n_choosing: Pairs that chose it.
--   chosen_auc: AUC of the head on these, turned so that it is above 0.5.
--   n_binders: Binders that judge.
--   n_others: Other pairs that judge.
--   held_out_auc: AUC of the head on the pairs that judge, turned as on those that chose.
--   null_mean: Mean of the same over the permutations in which the fold has pairs of both kinds.
--   p: Share of these permutations, this one counted, whose held-out AUC is as high or higher.
-- grain: form, fold
-- source: Mann and Whitney 1947. Pairs with one protein in the fold count on neither side, as in the strictest
--   scheme of Park and Marcotte 2012.
WITH fold_sides AS (
    -- The side of each pair in each fold; pairs between the sides are left out.
    SELECT l.*, f.fold, f.judges
    FROM labelled_pairs($statistic, $binder, $permutations, $dimers) AS l JOIN pair_folds($folds) AS f USING (pair_id)
),

-- Ranks from the lowest, ties with their mean rank.
ranked AS (
    SELECT permutation, form, fold, judges, layer, head, is_binder,
           rank() OVER (PARTITION BY permutation, form, fold, judges, layer, head ORDER BY value)
           + (count(*) OVER (PARTITION BY permutation, form, fold, judges, layer, head, value) - 1) / 2 AS place
    FROM fold_sides
),

-- AUC of each head in each fold, by the labels as they are (permutation 0) and by each permutation.
areas AS (
    SELECT permutation, form, fold, judges, layer, head, count(*) FILTER (is_binder) AS n_binders,
           count(*) FILTER (NOT is_binder) AS n_others, area_of_ranks(place, is_binder) AS auc
    FROM ranked
    GROUP BY permutation, form, fold, judges, layer, head
),

-- The head that tells binders best on the other side of a fold, whichever way round.
choices AS (
    SELECT permutation, form, fold, layer, head, n_binders + n_others AS n_choosing, auc
    FROM areas
    WHERE NOT judges AND auc IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY permutation, form, fold ORDER BY abs(auc - 0.5) DESC, layer, head) = 1
),

held_out AS (
    -- A head whose binders had lower values is turned round.
    SELECT c.permutation, c.form, c.fold, c.layer, c.head, c.n_choosing, 0.5 + abs(c.auc - 0.5) AS chosen_auc,
           a.n_binders, a.n_others, CASE WHEN c.auc < 0.5 THEN 1 - a.auc ELSE a.auc END AS held_out_auc
    FROM choices AS c
    JOIN areas AS a
        ON a.permutation = c.permutation AND a.form = c.form AND a.fold = c.fold AND a.judges AND a.layer = c.layer
           AND a.head = c.head
    WHERE a.auc IS NOT NULL
)

SELECT h.form, h.fold, h.layer, h.head, h.n_choosing, round(h.chosen_auc, 4) AS chosen_auc, h.n_binders, h.n_others,
       round(h.held_out_auc, 4) AS held_out_auc, round(avg(n.held_out_auc), 4) AS null_mean,
       round((1 + count(*) FILTER (n.held_out_auc >= h.held_out_auc - 1e-12)) / (1 + count(n.fold)), 4) AS p
FROM held_out AS h
LEFT JOIN held_out AS n ON n.form = h.form AND n.fold = h.fold AND n.permutation > 0
WHERE h.permutation = 0
GROUP BY ALL
ORDER BY h.form, h.fold
