-- returns: Standard error of a ratio p = sum(k) / n of n_units units, n = sum(n_i), from sum(k_i ^ 2), sum(k_i n_i) and
--   sum(n_i ^ 2).
-- source: Linearised: Cochran 1977, 6.4.
CREATE MACRO ratio_error(n_units, p, n, kk, kn, nn) AS
    CASE WHEN n_units > 1 AND n > 0
         THEN sqrt(n_units / (n_units - 1) * greatest(kk - 2 * p * kn + p ^ 2 * nn, 0)) / n END
