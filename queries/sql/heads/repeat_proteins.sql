-- title: Repeats of each protein, and the period that attention finds
-- topic: Heads
-- needs: head_periods, features
-- answers: How many repeats does UniProt know in each protein, how far apart, and does attention find that period among
--   those probed? The head is the one with the largest weight beyond the background in the other proteins, so that no
--   protein chooses the head that judges it; homologues, as the many TPR proteins are, do choose for one another.
-- parameters:
--   min_at_period int 1.. = 1: Fewest neighbouring copies of a protein that are one period apart.
--   proteins proteins = all: Ids to count over, background included.
-- columns:
--   n_copies: Repeats of the protein in UniProt.
--   period: Commonest distance from one to the next, the shortest among equals, residues.
--   n_at_period: Neighbouring repeats that are one period apart.
--   layer: Layer of the head, 0-based.
--   head: The head with the largest weight beyond the background in the other proteins.
--   weight: Weight of a residue to those one period before and after it, mean of both.
--   background: The same in sequences without repeats.
--   ratio: The weight over the background.
--   n_periods: Periods probed that the protein is longer than, but for others at which copies of it stand.
--   rank: Place of the period of the repeats among them by weight over background, 1 is the highest; by chance
--     it is 1 in one of n_periods.
--   strongest_period: The first of them.
-- grain: accession
-- source: UniProt's feature type Repeat; induction heads of protein language models: arXiv 2602.23179.
WITH weights AS (
    SELECT *, (before + after) / 2 AS weight, (background_before + background_after) / 2 AS background
    FROM weights_at_periods($proteins, $min_at_period)
    WHERE is_period OR is_other
),

-- Of each head the sum over the other proteins, at the period of their repeats.
sums_of_others AS (
    SELECT sequence_id, layer, head,
           sum(weight - background) OVER (PARTITION BY layer, head) - (weight - background) AS excess,
           count(*) OVER (PARTITION BY layer, head) - 1 AS n_others
    FROM weights
    WHERE is_period
),

-- The best head by the other proteins, so that a protein does not choose its own judge.
best_heads AS (
    SELECT sequence_id, arg_max((layer, head), (excess, -layer, -head)) AS best
    FROM sums_of_others
    WHERE n_others > 0
    GROUP BY sequence_id
),

-- All periods that were probed, ranked by that head. The row of the true one is the answer.
ranked AS (
    SELECT w.*, rank() OVER protein AS place, count(*) OVER (PARTITION BY sequence_id) AS n_periods,
           first_value(probed) OVER (PARTITION BY sequence_id ORDER BY weight / background DESC, probed) AS strongest
    FROM weights AS w JOIN best_heads AS b USING (sequence_id)
    WHERE (w.layer, w.head) = b.best
    WINDOW protein AS (PARTITION BY sequence_id ORDER BY weight / background DESC)
)

SELECT accession, length, n_copies, period, n_at_period, layer, head, round(weight, 5) AS weight,
       round(background, 5) AS background, round(ranked.weight / nullif(ranked.background, 0), 2) AS ratio, n_periods,
       place AS rank, strongest AS strongest_period
FROM ranked
WHERE is_period
ORDER BY ranked.weight / ranked.background DESC, accession
