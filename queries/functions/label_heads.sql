-- returns: Sums of `label_edges` over proteins, for each label and head, and those that errors and t are made of.
CREATE MACRO label_heads(names, ids, form) AS TABLE
    SELECT label, layer, head, count(*) AS n_proteins, sum(n_edges)::BIGINT AS n_edges, sum(k) AS k, sum(n) AS n,
           sum(k * k) AS kk, sum(k * n) AS kn, sum(n * n) AS nn,
           sum(n * n_labelled / length) / nullif(sum(n), 0) AS shuffled,
           sum(k - n * n_labelled / length) AS d, sum((k - n * n_labelled / length) ^ 2) AS dd,
           sum(n_labelled)::DOUBLE AS n_labelled, sum(length)::DOUBLE AS n_residues
    FROM label_edges(names, ids, form)
    GROUP BY label, layer, head
