-- returns: Base-10 logarithm of the chance that the Kolmogorov-Smirnov statistic of n numbers is d or more,
--   two-sided.
-- notes: Of two samples, n is n1 n2 / (n1 + n2), rounded. d is below 1. Off by 0.02 at most, from five numbers on.
-- source: Simard and L'Ecuyer 2011 for the tail, twice the one-sided chance, summed in logarithms from its largest
--   term; Vrbik 2018 for the middle, with the first 19 terms of Kolmogorov's series.
CREATE MACRO ks_log10_tail(d, n) AS
    CASE WHEN n * d ^ 2 >= 1 OR d >= 0.5
         THEN [[largest + ln(list_sum([exp(term - largest) FOR term IN terms])) FOR largest IN [list_max(terms)]][1]
               FOR terms IN [[ln(2 * d) + log_choose(n, j) + (j - 1) * ln(d + j / n)
                              + (n - j) * ln(greatest(1 - d - j / n, 1e-300))
                              FOR j IN range(floor(n * (1 - d))::BIGINT + 1)]]][1] / ln(10)
         WHEN n * d ^ 2 < 1
         THEN [CASE WHEN z > 0.3
                    THEN ln(2 * list_sum([(-1) ^ (k - 1) * exp(-2 * (k * z) ^ 2) FOR k IN range(1, 20)])) / ln(10)
                    ELSE 0 END
               FOR z IN [sqrt(n) * d + 1 / (6 * sqrt(n)) + (sqrt(n) * d - 1) / (4 * n)]][1] END
