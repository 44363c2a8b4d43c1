-- returns: Base-10 logarithm of the chance that a standard normal number is beyond z to either side.
-- source: Press et al., Numerical Recipes, 6.2, for the complementary error function; off by less than 1.2e-7 of the
--   chance, however small that is.
CREATE MACRO normal_log10_tail(z) AS
    (list_sum([c * (1 + abs(z) / sqrt(8)) ^ -i
               FOR c, i IN [1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587,
                            -0.82215223, 0.17087277]])
     - ln(1 + abs(z) / sqrt(8)) - z ^ 2 / 2 - 1.26551223) / ln(10)
