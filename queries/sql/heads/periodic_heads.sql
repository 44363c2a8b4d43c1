-- title: Heads with the period of a helix
-- topic: Heads
-- answers: Which heads look three and four residues along the chain, one turn of a helix? Means over distinct sequences
--   of ten residues or more. A period says nothing of structure by itself: compare helical with other proteins.
-- parameters:
--   proteins proteins = all: Ids to average over.
-- columns:
--   n_sequences: Distinct sequences averaged over.
--   helix_share: Attention to |i - j| = 3 and 4, mean.
--   sd: Standard deviation between sequences.
--   even_share: The same for even attention over all tokens, mean.
--   ratio: The first mean over the last.
--   adjacent_share: Attention to |i - j| = 1, mean: a head of neighbours has some of its mass at 3 and 4, too.
-- grain: layer, head
-- source: Head statistics of an atlas; 3.6 residues to a turn of an alpha helix.
SELECT h.layer, h.head, count(*) AS n_sequences, round(avg(h.helix_share), 3) AS helix_share,
       round(stddev_samp(h.helix_share), 3) AS sd,
       round(avg((4 * c.length - 14) / (c.length * (c.length + 2))), 4) AS even_share,
       round(avg(h.helix_share) / avg((4 * c.length - 14) / (c.length * (c.length + 2))), 2) AS ratio,
       round(avg(h.adjacent_share), 3) AS adjacent_share
FROM heads AS h JOIN computed_sequences($proteins, fewest_residues()) AS c USING (accession)
GROUP BY h.layer, h.head
ORDER BY avg(h.helix_share) DESC, h.layer, h.head
