-- returns: Natural logarithm of the number of ways to choose k out of n.
CREATE MACRO log_choose(n, k) AS lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
