-- title: Number of sites of a protein
-- topic: Sites
-- answers: How many high-attention sites does a protein have? Counted over distinct sequences that were searched.
-- columns:
--   n_sites: Sites of a sequence.
--   n_sequences: Distinct sequences with so many.
--   share: Their share of all.
--   share_up_to: Share of the sequences with so many or fewer.
--   n_all: Sequences that were searched: one number, in every row.
--   mean_sites: Mean number of sites of all of them.
--   median_sites: Their median.
-- grain: n_sites
-- source: Nayar, Tartici and Altman 2025, whose human table has a median of 2.
WITH searched AS (SELECT n_sites FROM sequences WHERE layer IS NOT NULL),

atlas_sums AS (SELECT count(*) AS n_all, avg(n_sites) AS mean_sites, median(n_sites) AS median_sites FROM searched),

counts AS (SELECT n_sites, count(*) AS n_sequences FROM searched GROUP BY n_sites)

SELECT n_sites, n_sequences, round(n_sequences / n_all, 4) AS share,
       round(sum(n_sequences) OVER (ORDER BY n_sites) / n_all, 4) AS share_up_to, n_all,
       round(mean_sites, 2) AS mean_sites, median_sites
FROM counts, atlas_sums
ORDER BY n_sites
