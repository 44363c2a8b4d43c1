-- title: High-attention sites against known features
-- topic: Annotation
-- needs: features
-- answers: Do high-attention sites mark active and binding sites? Pooled over the proteins that have the feature and
--   were searched for sites, each sequence once: where it has several accessions with the feature, the first. A
--   disulfide bond and a cross-link are their two ends; any other feature is all its residues.
-- parameters:
--   types texts of features.type = Active site,Binding site: Types of feature.
--   within ints 0..1000 = 0,1,2,4: Residues along the sequence by which a site may miss; 0 is the residue itself.
--   proteins proteins = all: Ids to count over.
--   replicates int 2..10000 = 1000: Bootstrap replicates.
--   seed int 0.. = 1: Seed of the bootstrap; the same seed gives the same intervals.
-- columns:
--   type: Type of feature.
--   within: Residues along the sequence by which a site may miss.
--   n_proteins: Proteins, one for each sequence; also those without a site.
--   n_sites: Their sites.
--   n_labelled: Their residues that carry the feature.
--   n_hits: Sites at such a residue, or within reach of one.
--   precision: Share of the sites that are hits.
--   precision_low: Lower end of its 95 % Wilson interval, sites taken as independent.
--   precision_high: Upper end.
--   recall: Share of the residues with the feature that have a site within reach.
--   background: Precision of as many sites anywhere in the same proteins.
--   enrichment: Precision over this background; 1 is by chance.
--   enrichment_low: Lower end of its 95 % interval, by a bootstrap of whole proteins; empty for fewer than two, and too
--     narrow for a handful of proteins or hits. Where nothing is hit, that of a Poisson count of 0.
--   enrichment_high: Upper end.
--   log10_p: Logarithm to base 10 of the chance of so many hits or more, times the number of rows (Bonferroni), 0 at
--     most; of a binomial with the mean of this background, which overstates it where hits are above that.
--   matched_background: Precision of as many sites on the same letters of the same proteins.
--   matched_enrichment: Precision over that: what is left beyond a liking for letters.
--   matched_low: Lower end of its interval, by the same bootstrap.
--   matched_high: Upper end.
--   matched_log10_p: As `log10_p`, with the mean of the matched background.
-- grain: type, within
-- source: Nayar, Tartici and Altman 2025 for the sites; Wilson 1927; percentile bootstrap with Poisson weights:
--   Chamandy et al. 2012; Hoeffding 1956 for the binomial as a bound on a sum of hypergeometrics.
WITH by_protein AS (FROM sequence_hits($types, $within::INTEGER[], $proteins)),
weights AS (
    FROM bootstrap_weights((SELECT list(DISTINCT accession) FROM by_protein), $replicates, $seed)
),
replicates AS (
    SELECT type, within, replicate, sum(weight * n_hits) / sum(weight * expected) AS ratio,
           sum(weight * n_hits) / nullif(sum(weight * matched), 0) AS matched_ratio
    FROM by_protein JOIN weights USING (accession)
    WHERE expected > 0
    GROUP BY ALL
),
intervals AS (
    SELECT type, within, quantile_cont(ratio, [0.025, 0.975]) AS ratios,
           quantile_cont(matched_ratio, [0.025, 0.975]) AS matched_ratios
    FROM replicates
    GROUP BY ALL
),
pooled AS (
    SELECT type, within, count(*) AS n_proteins, count(*) FILTER (expected > 0) AS n_with_sites,
           sum(n_sites)::BIGINT AS n, sum(n_labelled)::BIGINT AS n_labelled, sum(n_found)::BIGINT AS n_found,
           sum(n_hits)::BIGINT AS k, sum(n_hits) / nullif(sum(n_sites), 0) AS p, sum(expected) AS expected,
           sum(matched) AS matched
    FROM by_protein
    GROUP BY type, within
),
tested AS (
    SELECT p.*, count(*) FILTER (n > 0) OVER () AS n_tests, binomial_log10_tail(k, n, expected / n) AS log10_tail,
           binomial_log10_tail(k, n, matched / n) AS matched_log10_tail,
           CASE WHEN n_with_sites > 1 THEN CASE WHEN k > 0 THEN ratios ELSE [0, 3.689 / expected] END END AS ratios,
           CASE WHEN n_with_sites > 1 THEN CASE WHEN k > 0 THEN matched_ratios
                                                WHEN matched > 0 THEN [0, 3.689 / matched] END END AS matched_ratios
    FROM pooled AS p
    LEFT JOIN intervals AS i ON i.type = p.type AND i.within = p.within
)
SELECT type, within, n_proteins, n AS n_sites, n_labelled, k AS n_hits, round(p, 4) AS precision,
       round(wilson_low(p, nullif(n, 0), 1.96), 4) AS precision_low,
       round(wilson_high(p, nullif(n, 0), 1.96), 4) AS precision_high,
       round(n_found / n_labelled, 4) AS recall, round(expected / nullif(n, 0), 4) AS background,
       round(k / nullif(expected, 0), 2) AS enrichment,
       round(ratios[1], 2) AS enrichment_low, round(ratios[2], 2) AS enrichment_high,
       CASE WHEN n > 0 THEN round(bonferroni(log10_tail, n_tests), 2) + 0 END AS log10_p,
       round(matched / nullif(n, 0), 4) AS matched_background,
       round(k / nullif(matched, 0), 2) AS matched_enrichment,
       round(matched_ratios[1], 2) AS matched_low, round(matched_ratios[2], 2) AS matched_high,
       CASE WHEN n > 0 THEN round(bonferroni(matched_log10_tail, n_tests), 2) + 0 END AS matched_log10_p
FROM tested
ORDER BY type, within
