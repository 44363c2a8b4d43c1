-- returns: Sums of `label_edges` over proteins for each label and head, with the standard error over proteins.
-- notes: Parameters as in `label_edges`. Columns: label, layer, head, n_proteins, n_counted (those with any attention
--   of the head), n_edges (of all residues), k, n, shuffled (a share, as k / n is), n_labelled, n_residues, error of k
--   / n less shuffled, and df.
-- source: Vig et al. 2021 (ICLR); jackknife: Tukey 1958; Cochran 1977, 6.15.
CREATE MACRO label_heads(names, ids, form) AS TABLE
    WITH edges AS (FROM label_edges(names, ids, form)),

    totals AS (
        SELECT label, layer, head, count(*) AS n_proteins, count(*) FILTER (n > 0) AS n_counted,
               sum(n_edges)::BIGINT AS n_edges, sum(k) AS k, sum(n) AS n, sum(n * n) AS nn, sum(shuffled) AS shuffled,
               sum(by_chance) AS by_chance, sum(n_labelled)::DOUBLE AS n_labelled, sum(length)::DOUBLE AS n_residues
        FROM edges
        GROUP BY label, layer, head
    ),

    -- What the labelled residues get beyond the shuffled is what is tested: so its jackknife, not that of k / n.
    changes AS (
        SELECT label, layer, head,
               sum(change_without(e.k - e.shuffled, e.n, t.k - t.shuffled, t.n) ^ 2) AS squares
        FROM edges AS e JOIN totals AS t USING (label, layer, head)
        WHERE t.n > 0
        GROUP BY label, layer, head
    )

    SELECT label, layer, head, n_proteins, n_counted, n_edges, k, n, shuffled / nullif(n, 0) AS shuffled, n_labelled,
           n_residues, error_over_proteins(n_counted, squares, by_chance / n ^ 2) AS error,
           effective_df(n_counted, n, nn) AS df
    FROM totals LEFT JOIN changes USING (label, layer, head)
