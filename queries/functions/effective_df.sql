-- returns: Degrees of freedom of a ratio of two sums over proteins: the effective number of proteins less 1.
-- notes: n is the sum of what the proteins weigh, nn that of the squares. Proteins of equal weight all count; where one
--   has nearly all the weight, the effective number is near 1. Empty for fewer proteins than `fewest_proteins`, and for
--   an effective number below 2.
-- source: Kish 1965 for the effective number.
CREATE MACRO effective_df(n_proteins, n, nn) AS
    CASE WHEN n_proteins >= fewest_proteins() AND n ^ 2 >= 2 * nn * (1 - 1e-9) THEN n ^ 2 / nn - 1 END
