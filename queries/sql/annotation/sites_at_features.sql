-- title: High-attention sites against known features
-- topic: Annotation
-- needs: features
-- answers: Do high-attention sites mark active and binding sites? Pooled over the proteins that have the feature and
--   were searched for sites. A sequence counts once: where several of its accessions have the feature, the first. A
--   disulfide bond and a cross-link are their two ends; any other feature is all its residues.
-- parameters:
--   types texts of features.type = Active site,Binding site: Types of feature.
--   within ints 0..1000 = 0,1,2,4: Residues along the sequence by which a site may miss; 0 is the residue itself.
--   proteins proteins = all: Ids to count over.
-- columns:
--   type: Type of feature.
--   within: Residues along the sequence by which a site may miss.
--   n_proteins: Proteins, one for each sequence; also those without a site.
--   n_sites: Their sites.
--   n_labelled: Their residues that carry the feature.
--   n_hits: Sites at such a residue, or within reach of one.
--   precision: Share of the sites that are hits.
--   precision_low: Lower end of its interval: that of the enrichment, times the background.
--   precision_high: Upper end.
--   recall: Share of the residues with the feature that have a site within reach.
--   background: Precision of as many residues anywhere in the same proteins.
--   enrichment: Precision over this background; 1 is by chance.
--   enrichment_low: Lower end of its interval, with proteins as the independent units: jackknife over proteins, or what
--     chance alone gives where that is wider, by Student's t. Its level is `confidence`.
--   enrichment_high: Upper end.
--   t: Student's t of the enrichment against 1, by the same error as the interval.
--   log10_p: Logarithm to base 10 of its two-sided p value times the number of rows with sites (Bonferroni), 0 at most.
--     It is below -1.3 if and only if the interval leaves out 1.
--   matched_background: Precision of as many residues of the same letters in the same proteins.
--   matched_enrichment: Precision over that: what is left beyond a liking for letters.
--   matched_low: Lower end of its interval, as that of the enrichment.
--   matched_high: Upper end.
--   matched_log10_p: As `log10_p`, for the matched enrichment against 1.
--   confidence: Level of the intervals: 1 - 0.05 / number of rows with sites, so that all hold at once with 95 %.
--   note: Why a row has no interval and no p value; empty if it has them.
-- grain: type, within
-- source: Nayar, Tartici and Altman 2025 for the sites; jackknife over proteins: Tukey 1958, Cochran 1977, 6.15, with
--   Student's t; variance by chance: hypergeometric.
SELECT type, within, n_proteins, n_sites, n_labelled, n_hits, round(h.precision, 4) AS precision,
       round(clamped(h.background * low, 0, 1), 4) AS precision_low,
       round(clamped(h.background * high, 0, 1), 4) AS precision_high,
       round(h.recall, 4) AS recall, round(h.background, 4) AS background, round(h.enrichment, 2) AS enrichment,
       round(low, 2) AS enrichment_low, round(high, 2) AS enrichment_high, round(h.t, 2) + 0 AS t,
       round(h.log10_p, 2) + 0 AS log10_p, round(h.matched_background, 4) AS matched_background,
       round(h.matched_enrichment, 2) AS matched_enrichment, round(h.matched_low, 2) AS matched_low,
       round(h.matched_high, 2) AS matched_high, round(h.matched_log10_p, 2) + 0 AS matched_log10_p,
       round(h.confidence, 6) AS confidence, note
FROM pooled_hits((SELECT list(p) FROM sequence_hits($types, $within::INTEGER[], $proteins) AS p)) AS h
ORDER BY type, within
