-- returns: Variance of how many of n residues drawn without replacement from n_all are among n_marked.
-- source: The hypergeometric distribution.
CREATE MACRO hypergeometric_variance(n, n_marked, n_all) AS
    n::DOUBLE * n_marked / n_all * (1 - n_marked / n_all) * (n_all - n) / greatest(n_all - 1, 1)
