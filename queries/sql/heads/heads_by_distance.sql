-- title: Heads from the most local to the most global
-- topic: Heads
-- answers: Which heads look at neighbours and which far along the sequence? Means over distinct sequences of
--   ten residues or more.
-- parameters:
--   proteins proteins = all: Ids to average over.
-- columns:
--   n_sequences: Distinct sequences averaged over.
--   distance: Attention times separation, summed over residue keys, mean, residues.
--   of_even: The same over that of even attention, (N^2 - 1) / (3 N) x N / (N + 2), mean: comparable between lengths.
--   self_share: Attention of a residue to itself, mean.
--   adjacent_share: Attention to |i - j| = 1, mean.
--   beyond6_share: Attention to |i - j| >= 6, mean.
--   beyond24_share: Attention to |i - j| >= 24, mean.
-- grain: layer, head
-- decomposes: sum
-- source: Head statistics of an atlas; attention to the special tokens has no distance and adds none.
WITH sums AS (
    SELECT h.layer, h.head, count(*) AS n_sequences, count(h.distance) AS n, sum(h.distance) AS sum_distance,
           sum(h.distance * 3 * (c.length + 2) / nullif(c.length ^ 2 - 1, 0)) AS sum_of_even,
           sum(h.self_share) AS sum_self_share, sum(h.adjacent_share) AS sum_adjacent_share,
           sum(h.beyond6_share) AS sum_beyond6_share, sum(h.beyond24_share) AS sum_beyond24_share
    FROM heads AS h JOIN computed_sequences($proteins, fewest_residues()) AS c USING (accession)
    GROUP BY h.layer, h.head
)

SELECT layer, head, n_sequences, round(sum_distance / n, 2) AS distance, round(sum_of_even / n, 3) AS of_even,
       round(sum_self_share / n, 3) AS self_share, round(sum_adjacent_share / n, 3) AS adjacent_share,
       round(sum_beyond6_share / n, 3) AS beyond6_share, round(sum_beyond24_share / n, 3) AS beyond24_share
FROM sums
ORDER BY sum_distance / n, layer, head
