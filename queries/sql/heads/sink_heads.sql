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
-- source: Head statistics of an atlas; special tokens as sinks as in Vig et al. 2021 and Clark et al. 2019.
SELECT h.layer, h.head, count(*) AS n_sequences, round(avg(h.cls_share), 3) AS cls_share,
       round(avg(h.eos_share), 3) AS eos_share, round(avg(h.cls_share + h.eos_share), 3) AS special_share,
       round(stddev_samp(h.cls_share + h.eos_share), 3) AS sd,
       round(avg(h.received_max_share), 3) AS received_max_share
FROM heads AS h JOIN computed_sequences($proteins, 10) AS c USING (accession)
GROUP BY h.layer, h.head
ORDER BY avg(h.cls_share + h.eos_share) DESC, h.layer, h.head
