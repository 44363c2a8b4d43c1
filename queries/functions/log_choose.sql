-- returns: Natural logarithm of the number of ways to choose k out of n; empty where there is none.
CREATE MACRO log_choose(n, k) AS
    CASE WHEN k BETWEEN 0 AND n THEN lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) END
