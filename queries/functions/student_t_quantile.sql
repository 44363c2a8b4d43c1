-- returns: The number that Student's t of df degrees of freedom exceeds with a chance of p, not above 0.25.
-- source: Wallace 1959 from the normal quantile, then one step of Newton's method on the logarithms of t and of its
--   tail; off by 0.03 % at most.
CREATE MACRO student_t_quantile(p, df) AS
    CASE WHEN p > 0 AND p <= 0.25 AND df > 0 THEN
    [t * exp((student_t_log10_tail(t, df) * ln(10) - ln(2 * p))
             * exp(student_t_log10_tail(t, df) * ln(10) - ln(2 * t) - lgamma((df + 1) / 2) + lgamma(df / 2)
                   + ln(pi() * df) / 2 + (df + 1) / 2 * ln(1 + t ^ 2 / df)))
     FOR t IN [sqrt(df * (exp(least(((8 * df + 3) / (8 * df + 1) * normal_quantile(p)) ^ 2 / df, 600)) - 1))]][1] END
