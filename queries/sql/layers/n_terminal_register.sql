-- title: What the first residue receives, and the share of <cls>
-- topic: Layers
-- answers: Does attention rest on the N terminus, in which layers, and is it more than a methionine receives
--   elsewhere? A head may mark the beginning of the chain by its attention to <cls>. That share has its own column
--   and is in no other, because what residues receive is compared with what all residues of the protein receive in
--   that layer. Counted over distinct sequences that begin with M and have another M after position 5.
-- parameters:
--   proteins proteins = all: Ids to count over.
-- columns:
--   n_sequences: Distinct sequences that are counted.
--   n_methionines: Their methionines after position 5.
--   cls_share: Attention of residues to <cls>, mean over heads and sequences.
--   head: The head of the layer that gives most to <cls>.
--   cls_share_of_head: What this head gives to <cls>; mean over sequences.
--   first: What position 1 receives over the mean of its protein in the layer; mean over sequences.
--   first_five: The same for positions 1 to 5.
--   methionines: The same for the methionines after position 5.
--   auc: Chance that position 1 receives more than one of these methionines of its protein; mean over sequences. It
--     is far from 0.5 in models before training, too, where the differences are a hundredth: `first` says how large
--     they are.
--   auc_low: Lower end of its interval with sequences as the independent units, at the level `confidence`, by Student's
--     t. It leaves out 0.5 if and only if log10_p is below -1.3.
--   auc_high: Upper end.
--   t: Student's t of the mean AUC less 0.5, by the same error.
--   log10_p: Logarithm to base 10 of its two-sided p value times the number of layers (Bonferroni), 0 at most.
--   confidence: Level of the interval: 1 - 0.05 / number of layers, so that all hold at once with 95 %.
--   note: Why a row has no interval and no p value; empty if it has them.
--   auc_of_five: AUC of positions 2 to 5 against the residues after them, of any letter; mean over sequences.
--   r_cls: Correlation over sequences of `first` with the share of <cls> of the sequence in the layer (Pearson).
--     Length changes both, so it does not show a cause.
-- grain: layer
-- source: <cls> as a register of position: arXiv 2605.16331; Mann and Whitney 1947: ties count half; interval and test
--   over sequences: Student's t.
WITH carriers AS (
    -- Proteins that begin with a methionine and have another one to compare it with.
    SELECT c.accession
    FROM computed_sequences($proteins, fewest_residues()) AS c JOIN proteins AS p USING (accession)
    WHERE starts_with(p.sequence, 'M') AND contains(p.sequence[6:], 'M')
),

profiles AS (
    SELECT r.accession, position, residue = 'M' AS is_methionine, unnest(received) AS received,
           unnest(range(len(received)))::SMALLINT AS layer
    FROM residues AS r SEMI JOIN carriers USING (accession)
),

-- Position 1 against the methionines after position 5; positions 2 to 5 against all residues after them.
relative AS (
    SELECT *, received / nullif(avg(received) OVER (PARTITION BY accession, layer), 0) AS share,
           max(received) FILTER (position = 1) OVER (PARTITION BY accession, layer) AS first_received
    FROM profiles
),

-- Mean ranks of the residues after the first; equal values share their mean rank.
ranked AS (
    SELECT accession, layer, position <= 5 AS is_begin,
           (rank() OVER protein + count(*) OVER protein) / 2 AS mean_rank
    FROM profiles
    WHERE position > 1
    WINDOW protein AS (PARTITION BY accession, layer ORDER BY received)
),

-- The statistic of Mann and Whitney: the rank sum less the smallest that so many residues can have.
aucs_of_five AS (
    SELECT accession, layer,
           (sum(mean_rank) FILTER (is_begin) - count(*) FILTER (is_begin) * (count(*) FILTER (is_begin) + 1) / 2)
           / (count(*) FILTER (is_begin) * count(*) FILTER (NOT is_begin)) AS auc_of_five
    FROM ranked
    GROUP BY accession, layer
),

cls_shares AS (
    SELECT accession, layer, avg(cls_share) AS cls_share
    FROM heads SEMI JOIN carriers USING (accession)
    GROUP BY accession, layer
),

of_heads AS (
    SELECT layer, head, avg(cls_share) AS cls_share
    FROM heads SEMI JOIN carriers USING (accession)
    GROUP BY layer, head
),

-- The head of each layer that attends most to the token before the sequence.
first_heads AS (
    SELECT layer, arg_min(head, (-cls_share, head)) AS head, max(cls_share) AS cls_share_of_head
    FROM of_heads
    GROUP BY layer
),

-- Relative attention of each sequence at its beginning and at later methionines; the AUC counts ties half.
of_sequences AS (
    SELECT accession, layer, count(*) FILTER (is_methionine AND position > 5) AS n_methionines,
           avg(share) FILTER (position = 1) AS first, avg(share) FILTER (position <= 5) AS first_five,
           avg(share) FILTER (is_methionine AND position > 5) AS methionines,
           avg((first_received > received)::INTEGER + 0.5 * (first_received = received)::INTEGER)
               FILTER (is_methionine AND position > 5) AS auc
    FROM relative
    GROUP BY accession, layer
),

-- Means over sequences, layer by layer.
layers AS (
    SELECT layer, count(*) AS n_sequences, sum(n_methionines)::BIGINT AS n_methionines, avg(cls_share) AS cls_share,
           avg(first) AS first, avg(first_five) AS first_five, avg(methionines) AS methionines,
           avg(auc) AS auc, mean_error(auc) AS error, avg(auc_of_five) AS auc_of_five,
           CASE WHEN count(*) > 2 AND stddev_samp(first) > 1e-9 AND stddev_samp(cls_share) > 1e-9
                THEN corr(first, cls_share) END AS r_cls,
           CASE WHEN count(*) >= fewest_proteins() THEN count(*) - 1 END AS df, count(*) OVER () AS n_layers
    FROM of_sequences JOIN aucs_of_five USING (accession, layer) JOIN cls_shares USING (accession, layer)
    GROUP BY layer
),

tests AS (SELECT *, ratio_test(auc - 0.5, error, df, n_layers) AS test FROM layers JOIN first_heads USING (layer))

SELECT layer, n_sequences, n_methionines, round(cls_share, 4) AS cls_share, head,
       round(cls_share_of_head, 4) AS cls_share_of_head, round(first, 3) AS first, round(first_five, 3) AS first_five,
       round(methionines, 3) AS methionines, round(tests.auc, 4) AS auc,
       round(clamped(tests.auc - test.reach, 0, 1), 4) AS auc_low,
       round(clamped(tests.auc + test.reach, 0, 1), 4) AS auc_high, round(test.t, 2) + 0 AS t,
       round(test.log10_p, 2) + 0 AS log10_p, round(test.confidence, 6) AS confidence,
       why_untested(n_sequences, df, error) AS note, round(auc_of_five, 4) AS auc_of_five,
       round(r_cls, 3) + 0 AS r_cls
FROM tests
ORDER BY layer
