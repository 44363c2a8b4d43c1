-- title: Heads that rest on one token
-- topic: Heads
-- answers: Which heads put their attention on <cls>, <eos> or a single residue, as a head does that has found nothing?
--   Means over distinct sequences of ten residues or more.
-- parameters:
--   proteins proteins = all: Ids to average over.
-- columns:
--   n_sequences: Distinct sequences averaged over.
--   cls_share: Attention to the <cls> token, mean.
--   eos_share: Attention to the <eos> token, mean.
--   special_share: The two together.
--   sd: Standard deviation of the two together between sequences.
--   received_max_share: Share of all attention between residues that goes to one of them, mean.
-- grain: layer, head
-- decomposes: sum
-- source: Head statistics of an atlas; special tokens as sinks as in Vig et al. 2021 and Clark et al. 2019.
WITH sums AS (
    SELECT h.layer, h.head, count(*) AS n_sequences, sum(h.cls_share) AS sum_cls_share,
           sum(h.eos_share) AS sum_eos_share, sum(h.cls_share + h.eos_share) AS sum_special_share,
           sum((h.cls_share + h.eos_share)::DOUBLE ^ 2) AS sum_squares,
           sum(h.received_max_share) AS sum_received_max_share
    FROM heads AS h JOIN computed_sequences($proteins, fewest_residues()) AS c USING (accession)
    GROUP BY h.layer, h.head
)

SELECT layer, head, n_sequences, round(sum_cls_share / n_sequences, 3) AS cls_share,
       round(sum_eos_share / n_sequences, 3) AS eos_share, round(sum_special_share / n_sequences, 3) AS special_share,
       round(sd_from_sums(n_sequences, sum_special_share, sum_squares), 3) AS sd,
       round(sum_received_max_share / n_sequences, 3) AS received_max_share
FROM sums
ORDER BY sum_special_share / n_sequences DESC, layer, head
