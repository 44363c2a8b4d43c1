-- returns: Base-10 logarithm of the chance that Student's t of df degrees of freedom is beyond t to either side.
-- source: Abramowitz and Stegun 1964, 26.7.1 and 26.5.1: x^a / a times the mean of 1 / sqrt(1 - x s^(1/a)) over s from
--   0 to 1, a = df / 2, x = df / (df + t^2), over a beta function; the mean is at Gauss's eight nodes in w, s = 1 -
--   w^2. Off by 0.00031 at most for chances below 0.1, by 0.002 elsewhere.
CREATE MACRO student_t_log10_tail(t, df) AS
    (df / 2 * ln(df / (df + t ^ 2)) + lgamma((df + 1) / 2) - lgamma(df / 2 + 1) - ln(pi()) / 2
     + ln(list_sum([2 * node[1] * node[2] * (1 - df / (df + t ^ 2) * (1 - node[1] ^ 2) ^ (2 / df)) ^ -0.5
                    FOR node IN [[0.0198550718, 0.0506142681], [0.1016667613, 0.1111905172],
                                 [0.2372337950, 0.1568533229], [0.4082826788, 0.1813418917],
                                 [0.5917173212, 0.1813418917], [0.7627662050, 0.1568533229],
                                 [0.8983332387, 0.1111905172], [0.9801449282, 0.0506142681]]]))) / ln(10)
