-- title: Whether heads tell binders apart on new proteins, beside their nulls
-- topic: Pairs
-- needs: pairs, pair_heads, pair_nulls
-- answers: Does a head that tells labelled binders from other pairs do so on new proteins, and better than with
--   partners swapped and with letters shuffled? The proteins are dealt into folds, and a head is chosen for each, as in
--   `binders_held_out`; the pairs of which both proteins are in the fold judge it, as they are and as their nulls, by
--   the same labels. The mean over folds is told.
-- empty: No fold has pairs with the label and pairs without it both among those that choose a head and among those that
--   judge it: that takes more pairs of either kind, or fewer `folds`; the question binder_nulls asks without folds.
-- parameters:
--   binder text of pairs.label = binder: Label of pairs that bind; pairs of all other labels do not.
--   statistic text across_share|entropy_across|max_across|n_edges_across = across_share: Which column of
--     `pair_heads`, the mean of both directions and orders.
--   folds int 2..20 = 3: Folds of the proteins, dealt by a checksum of the sequence: proteins of one sequence are in
--     one fold.
--   dimers text heteromers|homodimers|all = heteromers: A homodimer attends across as it does within; where binders
--     are homodimers more often than others, this alone tells them apart.
-- columns:
--   kind: given, the pairs as they are; swapped, with the partner of another pair, which may be of another fold;
--     shuffled, with the letters of both in another order.
--   n_folds: Folds with pairs of both kinds that choose, and that judge.
--   heads: The head of each of these folds, as layer-head, in order of the fold.
--   n_binders: Binders that judge, in all folds.
--   n_others: Other pairs that judge.
--   n_groups: Homology groups of these pairs; they are the independent units.
--   auc: Mean over folds of the AUC of the head on the pairs that judge, turned as on those that chose it.
--   low: Lower end of its 95 % interval over homology groups, for the heads as they were chosen.
--   high: Upper end.
--   log10_p: Logarithm to base 10 of the two-sided p value of auc less 0.5.
--   given_log10_p: The same of the AUC of the given pairs less that of the null; empty for kind given.
--   note: Why a row has no interval and no p value; empty if it has them.
-- grain: form, kind
-- source: Mann and Whitney 1947; errors over groups: Obuchowski, Biometrics 1997, with Student's t. Folds as in the
--   strictest scheme of Park and Marcotte 2012.
WITH fold_sides AS (
    -- The side of each pair in each fold; pairs between the sides are left out.
    SELECT l.*, f.fold, f.judges
    FROM labelled_numbers($statistic, $binder, $dimers) AS l JOIN pair_folds($folds) AS f USING (pair_id)
),

-- The head that tells binders best on the other side of a fold, whichever way round.
choosing AS (
    SELECT {'form': form, 'fold': fold, 'layer': layer, 'head': head} AS key, homology_group, is_binder AS is_member,
           value
    FROM fold_sides
    WHERE NOT judges AND kind = 'given'
),

-- One head a form and fold: the AUC farthest from one half.
choices AS (
    SELECT DISTINCT key.form AS form, key.fold AS fold, key.layer AS layer, key.head AS head, auc
    FROM area_parts('choosing')
    QUALIFY row_number() OVER (PARTITION BY key.form, key.fold
                               ORDER BY abs(auc - 0.5) DESC, key.layer, key.head, homology_group) = 1
),

-- The values of the chosen heads, a head whose binders had lower values turned round.
judging AS (
    SELECT {'form': form, 'fold': fold, 'kind': kind} AS key, homology_group, is_binder AS is_member,
           CASE WHEN c.auc < 0.5 THEN -value ELSE value END AS value
    FROM fold_sides JOIN choices AS c USING (form, fold, layer, head)
    WHERE judges
),

-- Each homology group with its part in the AUC of a fold.
parts AS (
    SELECT key.form AS form, key.kind AS kind, key.fold AS fold, * EXCLUDE (key) FROM area_parts('judging')
),

-- One AUC a fold.
folds AS (
    SELECT DISTINCT form, kind, fold, auc, n_members, n_others FROM parts
),

-- Folds have the same weight, however many pairs they have.
means AS (
    SELECT f.form, f.kind, count(*) AS n_folds, avg(f.auc) AS auc, sum(f.n_members)::BIGINT AS n_binders,
           sum(f.n_others)::BIGINT AS n_others, string_agg(c.layer || '-' || c.head, ' ' ORDER BY f.fold) AS heads
    FROM folds AS f JOIN choices AS c ON c.form = f.form AND c.fold = f.fold
    GROUP BY f.form, f.kind
),

-- A homology group may have pairs in several folds: its part in the mean is the mean of its parts.
of_groups AS (
    SELECT form, kind, homology_group, sum(part) / any_value(n_folds) AS part
    FROM parts JOIN means USING (form, kind)
    GROUP BY form, kind, homology_group
),

-- The degrees of freedom come from the rarer kind of homology groups.
kinds_of_groups AS (
    SELECT d.form, count(DISTINCT d.homology_group) FILTER (d.is_binder) AS n_member_groups,
           count(DISTINCT d.homology_group) FILTER (NOT d.is_binder) AS n_other_groups
    FROM fold_sides AS d JOIN folds AS f ON f.form = d.form AND f.fold = d.fold AND f.kind = d.kind
    WHERE d.judges AND d.kind = 'given'
    GROUP BY d.form
),

-- Standard errors of the AUC, and of its difference from that of the given pairs.
errors AS (
    SELECT n.form, n.kind, count(*) AS n_groups, parts_error(n.part) AS error,
           parts_error(g.part - n.part) AS beyond_error,
           any_value(groups_df(n_member_groups, n_other_groups)) AS df
    FROM of_groups AS n
    JOIN of_groups AS g ON g.form = n.form AND g.homology_group = n.homology_group AND g.kind = 'given'
    JOIN kinds_of_groups AS k ON k.form = n.form
    GROUP BY n.form, n.kind
),

-- The AUC against one half, and that of a null against that of the given pairs.
tests AS (
    SELECT m.*, e.n_groups, e.df, e.error, ratio_test(m.auc - 0.5, error, df, 1) AS test,
           ratio_test(g.auc - m.auc, beyond_error, df, 1) AS beyond
    FROM means AS m
    JOIN errors AS e ON e.form = m.form AND e.kind = m.kind
    JOIN means AS g ON g.form = m.form AND g.kind = 'given'
)

SELECT form, kind, n_folds, heads, n_binders, n_others, n_groups, round(auc, 4) AS auc,
       round(clamped(auc - test.reach, 0, 1), 4) + 0 AS low, round(clamped(auc + test.reach, 0, 1), 4) + 0 AS high,
       round(test.log10_p, 2) + 0 AS log10_p,
       CASE WHEN kind <> 'given' THEN round(beyond.log10_p, 2) + 0 END AS given_log10_p,
       CASE WHEN df IS NULL THEN 'fewer than ' || fewest_proteins() || ' homology groups of binders, or of others'
            WHEN error IS NULL THEN 'all pairs of either kind agree' END AS note
FROM tests
ORDER BY form, kind
