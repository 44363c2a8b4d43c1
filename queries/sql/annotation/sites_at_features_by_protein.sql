-- title: High-attention sites against known features, protein by protein
-- topic: Annotation
-- needs: features
-- answers: In which proteins do high-attention sites lie at active or binding sites? Proteins that have the feature and
--   were searched for sites, as in `sites_at_features`; a sequence under several accessions is the first with it. The
--   sums over any of these rows are the numbers of that subset: hits over expected is its enrichment, hits less
--   expected over the root of the variance its z.
-- parameters:
--   types texts of features.type = Active site,Binding site: Types of feature.
--   within int 0..1000 = 0: Residues along the sequence by which a site may miss; 0 is the residue itself.
--   proteins proteins = all: Ids to list.
-- columns:
--   type: Type of feature.
--   n_labelled: Residues that carry the feature.
--   n_hits: Sites at such a residue, or within reach of one.
--   n_found: Residues with the feature that have a site within reach.
--   precision: Share of the sites that are hits.
--   recall: Share of the residues with the feature that have a site within reach.
--   expected: Hits of as many sites anywhere in the protein, on average.
--   variance: Variance of these hits.
--   matched_expected: Hits of as many sites on the same letters of the protein, on average.
--   matched_variance: Variance of these hits.
--   enrichment: Hits over the expected ones.
--   hits: These sites, ten at most.
-- grain: type, accession
-- source: Nayar, Tartici and Altman 2025 for the sites; variances: hypergeometric, of draws without replacement.
SELECT b.type, b.accession, p.entry_name, p.length, b.n_sites, n_labelled, n_hits, n_found,
       round(n_hits / nullif(b.n_sites, 0), 4) AS precision, round(n_found / n_labelled, 4) AS recall,
       round(expected, 6) AS expected, round(variance, 6) AS variance, round(b.matched, 6) AS matched_expected,
       round(matched_variance, 6) AS matched_variance,
       round(n_hits / nullif(b.expected, 0), 2) AS enrichment, array_to_string(at_features[:10], ' ') AS hits
FROM sequence_hits($types, [$within], $proteins) AS b JOIN proteins AS p USING (accession)
ORDER BY b.type, n_hits DESC, b.expected, b.accession
