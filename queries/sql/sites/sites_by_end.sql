-- title: How often the first and last residues are sites
-- topic: Sites
-- answers: Are M1 and its neighbours, or the last residues, sites more often than a residue anywhere? Counted over
--   distinct sequences.
-- parameters:
--   reach int 1..1000 = 10: Places counted from each end.
-- columns:
--   terminus: `N` or `C`.
--   from_end: Place counted from that end, 1 for the first or last residue.
--   n_sequences: Sequences that reach to this place.
--   n_sites: Sequences with a site at this place.
--   share: Sequences with a site over sequences.
--   share_low: Lower end of its 95 % Wilson interval; empty for fewer than five sequences.
--   share_high: Upper end of that interval.
--   ratio: Share over that of all residues; 1 is as often as anywhere.
--   commonest: The commonest letter of these sites; the first of the alphabet among equals.
--   note: Why a row has no interval; empty if it has one.
-- grain: terminus, from_end
-- source: Wilson 1927 for the interval.
WITH searched AS (SELECT sequence_id, length FROM sequences WHERE layer IS NOT NULL),

distinct_sites AS (SELECT DISTINCT sequence_id, position, residue FROM sites),

-- Sites over residues, anywhere.
mean_rate AS (SELECT (SELECT count(*) FROM distinct_sites) / sum(length) AS rate FROM searched),

termini AS (SELECT unnest(['N', 'C']) AS terminus),

places AS (SELECT terminus, unnest(range(1, $reach + 1))::INTEGER AS from_end FROM termini),

-- Sequences that are long enough to have a residue at the place.
place_counts AS (
    SELECT terminus, from_end, (SELECT count(*) FROM searched WHERE length >= from_end) AS n
    FROM places
),

-- Every site, counted from either end.
from_ends AS (
    SELECT t.terminus, d.residue,
           CASE t.terminus WHEN 'N' THEN d.position ELSE s.length + 1 - d.position END AS from_end
    FROM distinct_sites AS d JOIN searched AS s USING (sequence_id), termini AS t
),

letters AS (SELECT terminus, from_end, residue, count(*) AS k FROM from_ends GROUP BY terminus, from_end, residue),

-- Sites at each place, and their commonest letter.
at_sites AS (
    SELECT terminus, from_end, sum(k)::BIGINT AS k, arg_min(residue, (-k, residue)) AS commonest
    FROM letters
    GROUP BY terminus, from_end
),

shares AS (
    SELECT terminus, from_end, n, coalesce(k, 0) AS k, coalesce(k, 0) / n AS p, commonest, normal_95() AS z
    FROM place_counts LEFT JOIN at_sites USING (terminus, from_end)
)

SELECT terminus, from_end, n AS n_sequences, k AS n_sites, round(p, 4) AS share,
       round(of_enough_proteins(wilson_low(p, n, z), n), 4) AS share_low,
       round(of_enough_proteins(wilson_high(p, n, z), n), 4) AS share_high,
       round(p / nullif(rate, 0), 2) AS ratio, commonest, too_few_proteins(n) AS note
FROM shares, mean_rate
ORDER BY terminus DESC, from_end
