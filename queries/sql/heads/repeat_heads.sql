-- title: Heads that look one period along the chain
-- topic: Heads
-- needs: head_periods
-- answers: In proteins of repeats, which heads attend from a residue to the aligned one of the repeat before or after?
--   Give the proteins of one kind of repeat, and the length of the repeat as the period.
-- parameters:
--   period int 1.. = 28: Distance along the chain, residues; one of the periods that were probed with `--period`.
--   proteins proteins = all: Ids to average over.
-- columns:
--   n_sequences: Distinct sequences longer than the period.
--   before_share: Attention to the residue one period before, mean over residues and sequences.
--   after_share: Attention to the residue one period after, the same.
--   even_share: What each of the two is for even attention over all tokens, mean.
--   ratio: The sum of both shares over twice the last.
-- grain: layer, head
-- source: Induction heads of protein language models: arXiv 2602.23179; zinc fingers repeat after 28 residues.
WITH repeats AS (
    -- Of a pair at the period, the query has a residue before it in length - period of its places, and so after it.
    SELECT p.layer, p.head, p.before / c.length AS before_share, p.after / c.length AS after_share,
           (c.length - p.period) / (c.length * (c.length + 2)) AS even_share
    FROM head_periods AS p JOIN computed_sequences($proteins, 1) AS c USING (accession)
    WHERE p.period = $period AND c.length > p.period
)

SELECT layer, head, count(*) AS n_sequences, round(avg(before_share), 4) AS before_share,
       round(avg(after_share), 4) AS after_share, round(avg(even_share), 5) AS even_share,
       round(avg(before_share + after_share) / (2 * avg(even_share)), 2) AS ratio
FROM repeats
GROUP BY layer, head
ORDER BY avg(before_share + after_share) DESC, layer, head
