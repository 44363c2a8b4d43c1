-- returns: Upper end of the interval of a share p of n, z standard deviations wide to each side.
-- source: Wilson 1927.
CREATE MACRO wilson_high(p, n, z) AS
    CASE WHEN n > 0
         THEN clamped((p + z ^ 2 / (2 * n) + z * sqrt(greatest(p * (1 - p), 0) / n + z ^ 2 / (4 * n ^ 2)))
                      / (1 + z ^ 2 / n), 0, 1) END
