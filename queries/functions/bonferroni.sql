-- returns: Base-10 logarithm of a p value times the number of tests, 0 at most; empty where there is no p value.
-- source: Bonferroni's correction.
CREATE MACRO bonferroni(log10_p, n_tests) AS
    CASE WHEN log10_p + log10(n_tests) < 0 THEN log10_p + log10(n_tests)
         WHEN log10_p + log10(n_tests) IS NOT NULL THEN 0 END
