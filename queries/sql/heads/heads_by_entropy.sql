-- title: Heads from the sharpest to the most spread
-- topic: Heads
-- answers: Which heads look at few residues and which at all of them? Means over distinct sequences of ten residues
--   or more.
-- parameters:
--   proteins proteins = all: Ids to average over.
-- columns:
--   n_sequences: Distinct sequences averaged over.
--   entropy: Entropy of a residue's attention, mean, nats.
--   sd: Standard deviation between sequences.
--   effective_tokens: exp of the mean entropy: the tokens attention is spread over.
--   share_of_max: Entropy over that of even attention, ln(N + 2), mean: comparable between lengths.
-- grain: layer, head
-- source: Head statistics of an atlas; entropy over residues and the two special tokens.
SELECT h.layer, h.head, count(*) AS n_sequences, round(avg(h.entropy), 3) AS entropy,
       round(stddev_samp(h.entropy), 3) AS sd, round(exp(avg(h.entropy)), 1) AS effective_tokens,
       round(avg(h.entropy / ln(c.length + 2)), 3) AS share_of_max
FROM heads AS h JOIN computed_sequences($proteins, 10) AS c USING (accession)
GROUP BY h.layer, h.head
ORDER BY avg(h.entropy), h.layer, h.head
