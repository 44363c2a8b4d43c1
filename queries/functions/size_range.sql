-- returns: The range of sizes that a family of n sequences, two or more, belongs to, as text.
CREATE MACRO size_range(n) AS
    CASE WHEN n < 5 THEN '2-4' WHEN n < 10 THEN '5-9' WHEN n < 20 THEN '10-19' WHEN n < 50 THEN '20-49'
         ELSE '50 or more' END
