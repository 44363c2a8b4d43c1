-- title: Residue letters at sites against their background
-- topic: Sites
-- answers: Which amino acids are high-attention sites more often than by their share of the same sequences? Counted
--   over distinct sequences. The interval takes sites as independent; sites of one protein and of homologues are not.
--   A first methionine counts as M: see `sites_by_end`.
-- parameters:
--   proteins proteins = all: Ids to count over, background included.
--   z float 0..10 = 1.96: Normal quantile of the interval: 1.96 is 95 % for one letter, 3.02 for 20 at once.
-- columns:
--   n_sites: Sites on this letter.
--   n_sequences: Sequences with such a site.
--   n_residues: Residues of this letter.
--   share_of_sites: Share of all sites that are this letter.
--   share_of_residues: Share of all residues that are this letter: the background.
--   ratio: share_of_sites over share_of_residues; 1 means no enrichment.
--   ratio_low: Lower end of its interval: Wilson on the share of sites, the background taken as known; empty where
--     fewer than five sequences have such a site.
--   ratio_high: Upper end of that interval.
--   note: Why a row has no interval; empty if it has one.
-- grain: residue
-- decomposes: sum
-- source: Wilson 1927 for the interval; background on the same proteins as in Vig et al. 2021.
WITH searched AS (FROM searched_sequences($proteins)),

background AS (
    SELECT residue, count(*) AS n_residues
    FROM residues SEMI JOIN searched USING (accession)
    GROUP BY residue
),

at_sites AS (
    SELECT residue, count(*) AS n_sites, count(DISTINCT sequence_id) AS n_sequences
    FROM sites SEMI JOIN searched USING (accession)
    GROUP BY residue
),

sums AS (
    SELECT residue, coalesce(n_sites, 0) AS n_sites, coalesce(n_sequences, 0) AS n_sequences, n_residues
    FROM background LEFT JOIN at_sites USING (residue)
),

shares AS (
    SELECT *, sum(n_sites) OVER () AS n, n_sites / nullif(sum(n_sites) OVER (), 0) AS p,
           n_residues / sum(n_residues) OVER () AS expected, $z AS z
    FROM sums
)

SELECT residue, n_sites, n_sequences, n_residues, round(p, 4) AS share_of_sites,
       round(expected, 4) AS share_of_residues, round(p / expected, 2) AS ratio,
       round(of_enough_proteins(wilson_low(p, n, z), n_sequences) / expected, 2) AS ratio_low,
       round(of_enough_proteins(wilson_high(p, n, z), n_sequences) / expected, 2) AS ratio_high,
       too_few_proteins(n_sequences) AS note
FROM shares
ORDER BY p / expected DESC, residue
