-- title: How far apart sites are
-- topic: Sites
-- answers: Do sites of a sequence lie next to each other, or a helix turn apart, more often than sites placed at
--   random in the same sequence? Every pair of sites is counted, not only neighbours; over distinct sequences.
-- parameters:
--   reach int 1..1000 = 20: Largest separation counted, residues.
-- columns:
--   separation: Difference of the positions, residues.
--   n_pairs: Pairs of sites of one sequence at this separation.
--   n_sequences: Sequences with such a pair.
--   expected: Pairs if the same number of sites lay anywhere in each sequence: the sum of k (k-1) (N-d) / (N (N-1)).
--   ratio: Pairs over those expected.
-- grain: separation
-- source: Pairs of positions drawn without replacement; sites of one sequence are not independent, so no interval.
WITH searched AS (SELECT sequence_id, length, n_sites FROM sequences WHERE n_sites >= 2),

separations AS (SELECT unnest(range(1, $reach + 1))::INTEGER AS separation),

distinct_sites AS (SELECT DISTINCT sequence_id, position FROM sites),

pairs AS (
    SELECT b.position - a.position AS separation, count(*) AS n_pairs, count(DISTINCT a.sequence_id) AS n_sequences
    FROM distinct_sites AS a
    JOIN distinct_sites AS b
    ON b.sequence_id = a.sequence_id AND b.position > a.position AND b.position <= a.position + $reach
    GROUP BY separation
),

-- Of all pairs of positions, N - d are at separation d.
expectations AS (
    SELECT separation, sum(n_sites * (n_sites - 1.0) * (length - separation) / (length * (length - 1.0))) AS expected
    FROM searched JOIN separations ON separation < length
    GROUP BY separation
)

SELECT separation, coalesce(n_pairs, 0) AS n_pairs, coalesce(n_sequences, 0) AS n_sequences,
       round(expected, 2) AS expected, round(coalesce(n_pairs, 0) / expected, 2) AS ratio
FROM expectations LEFT JOIN pairs USING (separation)
ORDER BY separation
