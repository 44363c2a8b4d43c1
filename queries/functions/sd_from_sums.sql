-- returns: The standard deviation of a sample, from the number of values, their sum and the sum of their squares.
-- notes: NULL for fewer than two values.
CREATE MACRO sd_from_sums(n, total, squares) AS
    CASE WHEN n > 1 THEN sqrt(greatest(squares - total * total / n, 0) / (n - 1)) END
