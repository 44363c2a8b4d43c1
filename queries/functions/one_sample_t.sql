-- returns: Student's t of n differences, from their sum d and sum of squares dd; empty where all are the same.
-- source: Student 1908.
CREATE MACRO one_sample_t(n, d, dd) AS
    CASE WHEN n > 1 AND dd - d ^ 2 / n > 1e-12 * dd THEN d / sqrt(n / (n - 1) * (dd - d ^ 2 / n)) END
