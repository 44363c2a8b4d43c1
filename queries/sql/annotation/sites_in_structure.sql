-- title: High-attention sites near known features in space
-- topic: Annotation
-- needs: features, coordinates
-- answers: Do high-attention sites lie within some angstrom of active and binding sites? As `sites_at_features`, but
--   over the residues that a structure shows. One structure of each sequence, its file and chain with most residues; a
--   protein counts if it shows a residue with the feature. What it does not show is counted beside.
-- parameters:
--   types texts of features.type = Active site,Binding site: Types of feature.
--   within ints 0..1000 = 0,4,6,8,10: Angstrom by which a site may miss; 0 is the residue itself.
--   atom text ca|cb = cb: Atom that distances are between: C-alpha, or C-beta (of glycine C-alpha).
--   proteins proteins = all: Ids to count over.
--   replicates int 2..10000 = 1000: Bootstrap replicates.
--   seed int 0.. = 1: Seed of the bootstrap; the same seed gives the same intervals.
-- columns:
--   type: Type of feature.
--   within: Angstrom by which a site may miss.
--   n_proteins: Proteins, one for each sequence, with a structure that shows a residue with the feature.
--   n_left_out: Proteins with the feature that have none.
--   n_sites: Sites that the structures show.
--   n_sites_unseen: Sites of the same proteins that they do not.
--   n_labelled: Residues with the feature that they show.
--   n_labelled_unseen: Those of the same proteins that they do not.
--   n_hits: Sites at such a residue, or within reach of one.
--   precision: Share of the sites that are hits.
--   recall: Share of the residues with the feature that have a site within reach.
--   background: Precision of as many residues anywhere in the same structures.
--   enrichment: Precision over this background; 1 is by chance.
--   enrichment_low: Lower end of its 95 % interval, by a bootstrap of whole proteins; empty for fewer than two, and too
--     narrow for a handful of proteins or hits. Where nothing is hit, that of a Poisson count of 0.
--   enrichment_high: Upper end.
--   log10_p: Logarithm to base 10 of the chance of so many hits or more, times the number of rows (Bonferroni), 0 at
--     most; of a binomial with the mean of this background, which overstates it where hits are above that.
--   matched_background: Precision of as many residues of the same letters of the same structures.
--   matched_enrichment: Precision over that: what is left beyond a liking for letters.
--   matched_low: Lower end of its interval, by the same bootstrap.
--   matched_high: Upper end.
--   matched_log10_p: As `log10_p`, with the mean of the matched background.
-- grain: type, within
-- source: Nayar, Tartici and Altman 2025 for the sites; percentile bootstrap with Poisson weights: Chamandy et al.
--   2012; Hoeffding 1956 for the binomial as a bound on a sum of hypergeometrics.
WITH carriers AS (FROM featured_sequences($types, $proteins)),
reaches AS (SELECT DISTINCT unnest($within::INTEGER[]) AS within),
by_protein AS (FROM structure_hits($types, $within::INTEGER[], $proteins, $atom)),
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
    SELECT type, within, count(accession) AS n_proteins, count(*) FILTER (expected > 0) AS n_with_sites,
           coalesce(sum(n_sites), 0)::BIGINT AS n, coalesce(sum(n_all_sites), 0)::BIGINT AS n_all_sites,
           coalesce(sum(n_labelled), 0)::BIGINT AS n_labelled,
           coalesce(sum(n_all_labelled), 0)::BIGINT AS n_all_labelled, sum(n_found)::BIGINT AS n_found,
           coalesce(sum(n_hits), 0)::BIGINT AS k, sum(expected) AS expected, sum(matched) AS matched
    FROM (SELECT DISTINCT type FROM carriers) CROSS JOIN reaches LEFT JOIN by_protein USING (type, within)
    GROUP BY type, within
),
left_out AS (
    SELECT type, count(*) AS n_left_out FROM carriers ANTI JOIN by_protein USING (type, sequence_id) GROUP BY type
),
tested AS (
    SELECT p.*, coalesce(n_left_out, 0) AS n_left_out, count(*) FILTER (n > 0) OVER () AS n_tests,
           binomial_log10_tail(k, n, expected / n) AS log10_tail,
           binomial_log10_tail(k, n, matched / n) AS matched_log10_tail,
           CASE WHEN n_with_sites > 1 THEN CASE WHEN k > 0 THEN ratios ELSE [0, 3.689 / expected] END END AS ratios,
           CASE WHEN n_with_sites > 1 THEN CASE WHEN k > 0 THEN matched_ratios
                                                WHEN matched > 0 THEN [0, 3.689 / matched] END END AS matched_ratios
    FROM pooled AS p
    LEFT JOIN left_out AS o ON o.type = p.type
    LEFT JOIN intervals AS i ON i.type = p.type AND i.within = p.within
)
SELECT type, within, n_proteins, n_left_out, n AS n_sites, n_all_sites - n AS n_sites_unseen, n_labelled,
       n_all_labelled - n_labelled AS n_labelled_unseen, k AS n_hits, round(k / nullif(n, 0), 4) AS precision,
       round(n_found / nullif(n_labelled, 0), 4) AS recall, round(expected / nullif(n, 0), 4) AS background,
       round(k / nullif(expected, 0), 2) AS enrichment,
       round(ratios[1], 2) AS enrichment_low, round(ratios[2], 2) AS enrichment_high,
       CASE WHEN n > 0 THEN round(bonferroni(log10_tail, n_tests), 2) + 0 END AS log10_p,
       round(matched / nullif(n, 0), 4) AS matched_background,
       round(k / nullif(matched, 0), 2) AS matched_enrichment,
       round(matched_ratios[1], 2) AS matched_low, round(matched_ratios[2], 2) AS matched_high,
       CASE WHEN n > 0 THEN round(bonferroni(matched_log10_tail, n_tests), 2) + 0 END AS matched_log10_p
FROM tested
ORDER BY type, within
