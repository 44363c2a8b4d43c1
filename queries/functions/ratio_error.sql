-- returns: Standard error of a ratio p of two sums over n_units units; empty where all units agree.
-- notes: p is the sum of k_i over n, the sum of n_i; kk, kn and nn are the sums of k_i ^ 2, k_i n_i and n_i ^ 2.
-- source: Linearised: Cochran 1977, 6.4.
CREATE MACRO ratio_error(n_units, p, n, kk, kn, nn) AS
    CASE WHEN n_units > 1 AND n > 0 AND kk - 2 * p * kn + p ^ 2 * nn > 1e-12 * (kk + p ^ 2 * nn)
         THEN sqrt(n_units / (n_units - 1) * (kk - 2 * p * kn + p ^ 2 * nn)) / n END
