-- returns: Sums of `label_edges` over proteins, for each label and head, and those that errors and t are made of.
-- notes: Parameters as in `label_edges`. Columns: label, layer, head, n_proteins, n_edges (of all residues), k, n,
--   their sums of squares and products kk, kn, nn; d and dd, sum and sum of squares of k - n n_labelled / length;
--   shuffled, the mean of n_labelled / length weighted by n; n_labelled, n_residues.
CREATE MACRO label_heads(names, ids, form) AS TABLE
    SELECT label, layer, head, count(*) AS n_proteins, sum(n_edges)::BIGINT AS n_edges, sum(k) AS k, sum(n) AS n,
           sum(k * k) AS kk, sum(k * n) AS kn, sum(n * n) AS nn,
           sum(n * n_labelled / length) / nullif(sum(n), 0) AS shuffled,
           sum(k - n * n_labelled / length) AS d, sum((k - n * n_labelled / length) ^ 2) AS dd,
           sum(n_labelled)::DOUBLE AS n_labelled, sum(length)::DOUBLE AS n_residues
    FROM label_edges(names, ids, form)
    GROUP BY label, layer, head
