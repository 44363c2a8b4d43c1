-- returns: A value that is an estimate over proteins, such as an end of an interval; empty for fewer of them than
--   `fewest_proteins`.
-- notes: n_proteins is the number of proteins, sequences or clusters that the estimate is of.
CREATE MACRO of_enough_proteins(value, n_proteins) AS
    CASE WHEN n_proteins >= fewest_proteins() THEN value END
