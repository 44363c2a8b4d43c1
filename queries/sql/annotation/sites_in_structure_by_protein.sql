-- title: High-attention sites near known features in space, one by one
-- topic: Annotation
-- needs: features, coordinates
-- answers: In which proteins do high-attention sites lie within some angstrom of active or binding sites, and which?
--   The proteins and structures of `sites_in_structure`. The sums over any of these rows are the numbers of that
--   subset: hits over expected is its enrichment, hits less expected over the root of the variance its z.
-- parameters:
--   types texts of features.type = Active site,Binding site: Types of feature.
--   within int 0..1000 = 8: Angstrom by which a site may miss; 0 is the residue itself.
--   atom text ca|cb = cb: Atom that distances are between: C-alpha, or C-beta (of glycine C-alpha).
--   proteins proteins = all: Ids to list.
-- columns:
--   type: Type of feature.
--   source: File of the structure, of several the one that shows most residues.
--   n_residues: Residues that it shows.
--   n_sites: Sites that it shows.
--   n_sites_unseen: Sites that it does not.
--   n_labelled: Residues with the feature that it shows.
--   n_labelled_unseen: Those that it does not.
--   n_hits: Sites at such a residue, or within reach of one.
--   n_found: Residues with the feature that have a site within reach.
--   precision: Share of the sites that are hits.
--   recall: Share of the residues with the feature that have a site within reach.
--   expected: Hits of as many residues anywhere in the structure, on average.
--   variance: Variance of these hits.
--   matched_expected: Hits of as many residues of the same letters, on average.
--   matched_variance: Variance of these hits.
--   enrichment: Hits over the expected ones.
--   hits: These sites, ten at most, with the angstrom to the nearest residue with the feature.
-- grain: type, accession
-- source: Nayar, Tartici and Altman 2025 for the sites; variances: hypergeometric, of draws without replacement.
SELECT b.type, b.accession, p.entry_name, b.source, b.chain, n_residues, b.n_sites,
       n_all_sites - b.n_sites AS n_sites_unseen, n_labelled, n_all_labelled - n_labelled AS n_labelled_unseen, n_hits,
       n_found, round(n_hits / nullif(b.n_sites, 0), 4) AS precision, round(n_found / n_labelled, 4) AS recall,
       round(expected, 6) AS expected, round(variance, 6) AS variance, round(b.matched, 6) AS matched_expected,
       round(matched_variance, 6) AS matched_variance, round(n_hits / nullif(b.expected, 0), 2) AS enrichment,
       array_to_string(at_features[:10], ', ') AS hits
FROM structure_hits($types, [$within], $proteins, $atom) AS b JOIN proteins AS p USING (accession)
ORDER BY b.type, n_hits DESC, b.expected, b.accession
