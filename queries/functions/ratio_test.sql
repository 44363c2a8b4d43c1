-- returns: Student's t test of an estimate over proteins, and the reach of the interval that goes with it, as a struct.
-- notes: beyond is the estimate less what it is without an effect; df is empty where there is no test. Fields: t;
--   reach, half the width of the interval; log10_p, base-10 logarithm of the two-sided p value times n_tests, 0 at
--   most; confidence, the level of the interval, 1 - 0.05 / n_tests. The interval, the estimate with reach to either
--   side, leaves out what is without an effect if and only if the corrected p value is below 0.05.
-- source: Student 1908; Bonferroni's correction.
CREATE MACRO ratio_test(beyond, error, df, n_tests) AS
    {'t': CASE WHEN df > 0 THEN beyond / error END,
     'reach': error * student_t_quantile(tail_chance(n_tests), df),
     'log10_p': bonferroni(student_t_log10_tail(CASE WHEN df > 0 THEN beyond / error END, df), n_tests),
     'confidence': CASE WHEN df > 0 AND error > 0 THEN 1 - 2 * tail_chance(n_tests) END}
