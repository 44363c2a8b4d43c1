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
-- decomposes: sum
-- source: Head statistics of an atlas; entropy over residues and the two special tokens.
WITH sums AS (
    SELECT h.layer, h.head, count(*) AS n_sequences, count(h.entropy) AS n, sum(h.entropy) AS sum_entropy,
           sum(h.entropy::DOUBLE ^ 2) AS sum_squares, sum(h.entropy / ln(c.length + 2)) AS sum_shares
    FROM heads AS h JOIN computed_sequences($proteins, fewest_residues()) AS c USING (accession)
    GROUP BY h.layer, h.head
)

SELECT layer, head, n_sequences, round(sum_entropy / n, 3) AS entropy,
       round(sd_from_sums(n, sum_entropy, sum_squares), 3) AS sd, round(exp(sum_entropy / n), 1) AS effective_tokens,
       round(sum_shares / n, 3) AS share_of_max
FROM sums
ORDER BY sum_entropy / n, layer, head
