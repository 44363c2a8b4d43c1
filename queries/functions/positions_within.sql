-- returns: The positions not farther than reach from a position, along a sequence of that length, as a list.
CREATE MACRO positions_within(position, reach, length) AS
    CASE WHEN position + reach + length IS NOT NULL
         THEN range(greatest(position - reach, 1), least(position + reach, length) + 1)::INTEGER[] END
