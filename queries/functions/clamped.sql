-- returns: x, or the bound that it lies beyond; empty where x is, which `least` and `greatest` would skip.
CREATE MACRO clamped(x, low, high) AS CASE WHEN x < low THEN low WHEN x > high THEN high ELSE x END
