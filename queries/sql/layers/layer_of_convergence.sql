-- title: The layer of convergence across the proteome
-- topic: Layers
-- answers: In which layer does the attention of most proteins converge? Counted over distinct sequences.
-- columns:
--   layer: Layer of convergence, 0-based; empty for sequences without a fit.
--   n_sequences: Distinct sequences that were computed.
--   share: Their share of all.
--   share_low: Lower end of its 95 % Wilson interval; empty for fewer than five sequences of all layers together.
--   share_high: Upper end of that interval.
--   median_length: Their length, median, residues.
--   mean_sites: Their sites, mean.
--   note: Why a row has no interval; empty if it has one.
-- grain: layer
-- source: Nayar, Tartici and Altman 2025; Wilson 1927 for the interval.
WITH by_layer AS (
    SELECT layer, count(*) AS k, median(length) AS median_length, avg(n_sites) AS mean_sites
    FROM sequences
    WHERE status = 'ok'
    GROUP BY layer
),

shares AS (SELECT *, sum(k) OVER () AS n, k / sum(k) OVER () AS p, normal_95() AS z FROM by_layer)

SELECT layer, k AS n_sequences, round(p, 4) AS share,
       round(of_enough_proteins(wilson_low(p, n, z), n), 4) AS share_low,
       round(of_enough_proteins(wilson_high(p, n, z), n), 4) AS share_high,
       median_length, round(mean_sites, 2) AS mean_sites, too_few_proteins(n) AS note
FROM shares
ORDER BY layer
