-- returns: By how much a ratio of two sums changes if one protein is left out; infinite if nothing is left without it.
-- notes: k and n are what the protein adds to the two sums, k_all and n_all. The sum of the squares over all proteins
--   goes into `error_over_proteins`.
-- source: Jackknife: Tukey 1958; Cochran 1977, 6.15.
CREATE MACRO change_without(k, n, k_all, n_all) AS
    CASE WHEN n_all - n > 1e-12 * n_all THEN k_all / n_all - (k_all - k) / (n_all - n) ELSE 'infinity'::DOUBLE END
