-- returns: Standard error over proteins of a ratio of two sums: that of the jackknife, or that of chance if it is
--   larger.
-- notes: squares is the sum of the squares of `change_without`; by_chance the variance of the ratio if nothing but
--   chance is at work, 0 where it is not known. Proteins may agree by accident, above all where few of them have a hit:
--   chance is then the better estimate. Empty where neither is above 0.
-- source: Jackknife: Tukey 1958; Cochran 1977, 6.15.
CREATE MACRO error_over_proteins(n_proteins, squares, by_chance) AS
    CASE WHEN greatest((n_proteins - 1) / n_proteins * squares, by_chance) > 1e-18
         THEN sqrt(greatest((n_proteins - 1) / n_proteins * squares, by_chance)) END
