-- title: Residue letters before and after a site
-- topic: Sites
-- answers: Which amino acids are at which distance from a site more often than anywhere in the same sequences?
--   Counted over distinct sequences. The interval takes sites as independent; sites of one protein are not.
-- parameters:
--   reach int 1..1000 = 5: Largest distance from the site, residues.
--   proteins proteins = all: Ids to count over, background included.
--   z float 0..10 = 1.96: Normal quantile of the interval: 1.96 is 95 % for one row, 3.48 for 200 rows at once.
-- columns:
--   from_site: Residues after the site; negative before it.
--   n: Sites with this letter at this distance.
--   n_sequences: Sequences with such a site.
--   n_sites: Sites that have a residue at this distance.
--   share: n over n_sites.
--   share_of_residues: Share of all residues that are this letter: the background.
--   ratio: Share over background; 1 is no enrichment.
--   ratio_low: Lower end of its interval: Wilson on the share, the background taken as known; empty where fewer than
--     five sequences have such a site.
--   ratio_high: Upper end of that interval.
--   note: Why a row has no interval; empty if it has one.
-- grain: from_site, residue
-- decomposes: sum
-- source: Wilson 1927 for the interval.
WITH searched AS (FROM searched_sequences($proteins)),

distances AS (SELECT unnest(range(-$reach, $reach + 1))::INTEGER AS from_site),

-- The letter at each distance from each site.
neighbours AS (
    SELECT c.accession, d.from_site, c.sequence[s.position + d.from_site] AS residue
    FROM sites AS s JOIN searched AS c USING (accession), distances AS d
    WHERE d.from_site <> 0 AND s.position + d.from_site BETWEEN 1 AND c.length
),

-- Letters at each distance from a site; without a distance, letters anywhere: the background.
sums AS (
    SELECT from_site, residue, count(*) AS n, count(DISTINCT accession) AS n_sequences
    FROM neighbours
    GROUP BY from_site, residue
    UNION ALL
    SELECT NULL AS from_site, residue, count(*) AS n, 0 AS n_sequences
    FROM residues SEMI JOIN searched USING (accession)
    GROUP BY residue
),

expected AS (SELECT residue, n / sum(n) OVER () AS expected FROM sums WHERE from_site IS NULL),

shares AS (
    SELECT c.from_site, c.residue, c.n AS k, sum(c.n) OVER (PARTITION BY c.from_site) AS n,
           c.n / sum(c.n) OVER (PARTITION BY c.from_site) AS p, e.expected, c.n_sequences, $z AS z
    FROM sums AS c JOIN expected AS e USING (residue)
    WHERE c.from_site IS NOT NULL
)

SELECT from_site, residue, k AS n, n_sequences, n::BIGINT AS n_sites, round(p, 4) AS share,
       round(expected, 4) AS share_of_residues, round(p / expected, 2) AS ratio,
       round(of_enough_proteins(wilson_low(p, n, z), n_sequences) / expected, 2) AS ratio_low,
       round(of_enough_proteins(wilson_high(p, n, z), n_sequences) / expected, 2) AS ratio_high,
       too_few_proteins(n_sequences) AS note
FROM shares
ORDER BY ratio_low DESC NULLS LAST, from_site, residue
