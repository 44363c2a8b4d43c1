-- returns: A statistic of attention across each labelled pair and head, of the pair as it is and of its nulls.
-- notes: dimers is heteromers, homodimers or all. Columns: kind (given, swapped or shuffled), form, layer, head,
--   pair_id, accession, partner (those of the pair as it is), homology_group, is_binder, value. A pair that lacks a
--   null which others have counts for nothing, so that every kind is of the same pairs.
CREATE MACRO labelled_numbers(statistic, binder, dimers) AS TABLE
    WITH real_pairs AS (
        SELECT form, layer, head, pair_id, accession, partner, is_binder, value
        FROM labelled_pairs(statistic, binder, 0, dimers)
    ),
    nulls AS (
        SELECT kind, form, layer, head, pair_id, homology_group,
               CASE statistic WHEN 'across_share' THEN across_share WHEN 'entropy_across' THEN entropy_across
                              WHEN 'max_across' THEN max_across WHEN 'n_edges_across' THEN n_edges_across
                              END::DOUBLE AS value
        FROM main.pair_nulls
    ),

    -- Groups are told by the nulls, whichever of them there are.
    pair_groups AS (
        SELECT pair_id, form, any_value(homology_group) AS homology_group, count(DISTINCT kind) AS n_kinds
        FROM nulls
        GROUP BY pair_id, form
    ),
    complete_pairs AS (SELECT * FROM pair_groups QUALIFY n_kinds = max(n_kinds) OVER (PARTITION BY form))
    SELECT k.kind, g.form, g.layer, g.head, g.pair_id, g.accession, g.partner, c.homology_group, g.is_binder, k.value
    FROM real_pairs AS g
    JOIN complete_pairs AS c USING (pair_id, form)
    JOIN (
        SELECT 'given' AS kind, form, layer, head, pair_id, value FROM real_pairs
        UNION ALL
        SELECT kind, form, layer, head, pair_id, value FROM nulls
    ) AS k
        ON k.form = g.form AND k.layer = g.layer AND k.head = g.head AND k.pair_id = g.pair_id
