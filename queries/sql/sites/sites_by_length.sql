-- title: Number of sites by length of the protein
-- topic: Sites
-- answers: Do longer proteins have more sites, or fewer for their length? Counted over distinct sequences.
-- parameters:
--   lengths ints 1.. = 1,50,100,200,300,400,600,1000,2000: Lengths at which a class begins, residues.
-- columns:
--   from_length: Shortest length of the class; 0 for those below the first of `lengths`.
--   n_sequences: Distinct sequences searched for sites.
--   n_sites: Their sites.
--   mean_sites: Sites of a sequence, mean.
--   median_sites: Sites of a sequence, median.
--   sites_per_100: All sites of the class over 100 of its residues.
--   share_without: Share of sequences in which no residue stood above the elbow.
--   share_low: Lower end of its 95 % Wilson interval; empty for fewer than five sequences.
--   share_high: Upper end of that interval.
--   note: Why a row has no interval; empty if it has one.
-- grain: from_length
-- source: Nayar, Tartici and Altman 2025 for the sites; Wilson 1927 for the interval.
WITH length_classes AS (
    SELECT coalesce(list_max(list_filter($lengths::INTEGER[], lambda begin_length: begin_length <= length)), 0)
               AS from_length,
           length, n_sites
    FROM sequences
    WHERE layer IS NOT NULL
),

class_counts AS (
    SELECT from_length, count(*) AS n, sum(n_sites)::BIGINT AS n_sites, avg(n_sites) AS mean_sites,
           median(n_sites) AS median_sites, sum(length) AS n_residues,
           count(*) FILTER (n_sites = 0) / count(*) AS without
    FROM length_classes
    GROUP BY from_length
)

SELECT from_length, n AS n_sequences, n_sites, round(mean_sites, 2) AS mean_sites, median_sites,
       round(100 * n_sites / n_residues, 3) AS sites_per_100, round(without, 3) AS share_without,
       round(of_enough_proteins(wilson_low(without, n, normal_95()), n), 3) AS share_low,
       round(of_enough_proteins(wilson_high(without, n, normal_95()), n), 3) AS share_high,
       too_few_proteins(n) AS note
FROM class_counts
ORDER BY from_length
