-- title: Residue letters of sites that lie close together
-- topic: Sites
-- answers: Which two letters are sites within a window of each other, such as the two cysteines of CxxC? Counted over
--   distinct sequences, the first letter nearer to the N terminus.
-- parameters:
--   window int 1.. = 10: Largest separation, residues.
--   min_pairs int 1.. = 2: Fewest pairs.
-- columns:
--   first: Letter of the site nearer to the N terminus.
--   second: Letter of the other site.
--   n_pairs: Pairs of sites with these letters.
--   n_sequences: Sequences with such a pair.
--   expected: Pairs if the second letter did not depend on the first, from how often each letter is there in all
--     pairs.
--   ratio: Pairs over those expected.
--   median_separation: Residues from one to the other, median.
--   commonest_separation: The commonest separation, the smallest among equals.
-- grain: first, second
-- source: Independence of the letters of a pair; pairs of homologues are not independent, so no interval.
WITH distinct_sites AS (SELECT DISTINCT sequence_id, position, residue FROM sites),

pairs AS (
    SELECT a.sequence_id, a.residue AS first, b.residue AS second, b.position - a.position AS separation
    FROM distinct_sites AS a
    JOIN distinct_sites AS b
    ON b.sequence_id = a.sequence_id AND b.position > a.position AND b.position <= a.position + $window
),

separations AS (SELECT first, second, separation, count(*) AS n FROM pairs GROUP BY first, second, separation),

commonest_separations AS (
    SELECT first, second, arg_min(separation, (-n, separation)) AS commonest_separation
    FROM separations
    GROUP BY first, second
),

letter_pairs AS (
    SELECT first, second, count(*) AS n_pairs, count(DISTINCT sequence_id) AS n_sequences,
           median(separation) AS median_separation
    FROM pairs
    GROUP BY first, second
),

-- Expected are row total times column total over all, as in a table of letters by letters.
expectations AS (
    SELECT *, sum(n_pairs) OVER (PARTITION BY first) * sum(n_pairs) OVER (PARTITION BY second)
              / sum(n_pairs) OVER () AS expected
    FROM letter_pairs
)

SELECT first, second, n_pairs, n_sequences, round(expected, 2) AS expected, round(n_pairs / expected, 2) AS ratio,
       median_separation, commonest_separation
FROM expectations JOIN commonest_separations USING (first, second)
WHERE n_pairs >= $min_pairs
ORDER BY n_pairs DESC, ratio DESC, first, second
