-- title: What a partner changes in the attention of a protein
-- topic: Pairs
-- needs: pair_heads
-- answers: Where does the attention of a protein's residues go when the model reads a partner in the same input, and
--   where did it go without? Of each layer, the mean over heads: attention across is what the partner takes, and the
--   two changes say from whom. What goes to the partner says nothing of binding by itself: longer partners take more.
-- parameters:
--   proteins proteins = all: Ids of proteins, whose pairs are listed.
--   layers ints = all: Layers to list, from 0.
-- columns:
--   across: Attention to residues of the partner.
--   within: Attention to residues of the protein itself.
--   within_alone: The same without the partner, from the table `heads`.
--   within_change: within less within_alone.
--   special: Attention to special tokens.
--   special_alone: The same without the partner.
--   special_change: special less special_alone.
--   linker: Attention to the linker, of the form `linker`.
--   across_evenly: Share of the partner among the residues of both: what across would be, of the attention that goes to
--     residues, if all of them got the same.
--   across_of_residues: Share of the partner in the attention that goes to residues.
--   head: The head that gives most across, from 0.
--   head_across: What it gives.
-- grain: pair_id, place, form, layer
-- source: the shares within, across, to special tokens and to the linker sum to 1; means over both orders, where both
--   were computed.
WITH head_shares AS (
    -- One order of each pair: the mean of both where both were computed, else the only one.
    SELECT p.*, h.cls_share + h.eos_share AS special_alone, 1 - h.cls_share - h.eos_share AS within_alone
    FROM pair_heads AS p
    JOIN heads AS h ON h.accession = p.accession AND h.layer = p.layer AND h.head = p.head
    WHERE ($proteins IS NULL OR list_contains($proteins::VARCHAR[], p.accession))
          AND ($layers IS NULL OR list_contains($layers::INTEGER[], p.layer))
          AND p.chain_order = if(EXISTS (FROM pair_heads WHERE chain_order = 'mean'), 'mean', 'forward')
),

layer_means AS (
    SELECT pair_id, accession, partner, place, form, layer,
           avg(across_share) AS across, avg(within_share) AS within, avg(within_alone) AS within_alone,
           avg(special_share) AS special, avg(special_alone) AS special_alone, avg(linker_share) AS linker,
           arg_max(head, across_share) AS head, max(across_share) AS head_across
    FROM head_shares
    GROUP BY ALL
)

SELECT m.pair_id, m.accession, m.partner, m.place, m.form, m.layer,
       round(m.across, 4) AS across, round(m.within, 4) AS within, round(m.within_alone, 4) AS within_alone,
       round(m.within - m.within_alone, 4) AS within_change, round(m.special, 4) AS special,
       round(m.special_alone, 4) AS special_alone, round(m.special - m.special_alone, 4) AS special_change,
       round(m.linker, 4) AS linker, round(q.length / (p.length + q.length), 4) AS across_evenly,
       round(m.across / (m.across + m.within), 4) AS across_of_residues,
       m.head, round(m.head_across, 4) AS head_across
FROM layer_means AS m
JOIN proteins AS p ON p.accession = m.accession
JOIN proteins AS q ON q.accession = m.partner
ORDER BY m.pair_id, m.place, m.form, m.layer
