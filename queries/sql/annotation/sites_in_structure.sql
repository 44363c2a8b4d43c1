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
--   enrichment_low: Lower end of its interval, with proteins as the independent units: jackknife over proteins, or what
--     chance alone gives where that is wider, by Student's t. Its level is `confidence`.
--   enrichment_high: Upper end.
--   t: Student's t of the enrichment against 1, by the same error as the interval.
--   log10_p: Logarithm to base 10 of its two-sided p value times the number of rows with sites (Bonferroni), 0 at most.
--     It is below -1.3 if and only if the interval leaves out 1.
--   matched_background: Precision of as many residues of the same letters of the same structures.
--   matched_enrichment: Precision over that: what is left beyond a liking for letters.
--   matched_low: Lower end of its interval, as that of the enrichment.
--   matched_high: Upper end.
--   matched_log10_p: As `log10_p`, for the matched enrichment against 1.
--   confidence: Level of the intervals: 1 - 0.05 / number of rows with sites, so that all hold at once with 95 %.
--   note: Why a row has no interval and no p value; empty if it has them.
-- grain: type, within
-- source: Nayar, Tartici and Altman 2025 for the sites; jackknife over proteins: Tukey 1958, Cochran 1977, 6.15, with
--   Student's t; variance by chance: hypergeometric.
WITH carriers AS (FROM featured_sequences($types, $proteins)),

of_proteins AS (FROM structure_hits($types, $within::INTEGER[], $proteins, $atom)),

pooled AS (FROM pooled_hits((SELECT list(p) FROM of_proteins AS p))),

-- A row for every type and reach, also where no structure shows the feature.
reaches AS (SELECT DISTINCT unnest($within::INTEGER[]) AS within),

type_reaches AS (SELECT DISTINCT type, within FROM carriers CROSS JOIN reaches),

-- What the structures do not show, and the proteins without one.
residues_without_place AS (
    SELECT type, within, sum(n_all_sites - n_sites)::BIGINT AS n_sites_unseen,
           sum(n_all_labelled - n_labelled)::BIGINT AS n_labelled_unseen
    FROM of_proteins
    GROUP BY type, within
),

sequences_without_structure AS (
    SELECT type, count(*) AS n_left_out FROM carriers ANTI JOIN of_proteins USING (type, sequence_id) GROUP BY type
)

SELECT type, within, coalesce(n_proteins, 0) AS n_proteins, coalesce(n_left_out, 0) AS n_left_out,
       coalesce(n_sites, 0) AS n_sites, coalesce(n_sites_unseen, 0) AS n_sites_unseen,
       coalesce(n_labelled, 0) AS n_labelled, coalesce(n_labelled_unseen, 0) AS n_labelled_unseen,
       coalesce(n_hits, 0) AS n_hits, round(h.precision, 4) AS precision, round(h.recall, 4) AS recall,
       round(h.background, 4) AS background, round(h.enrichment, 2) AS enrichment, round(low, 2) AS enrichment_low,
       round(high, 2) AS enrichment_high, round(h.t, 2) + 0 AS t, round(h.log10_p, 2) + 0 AS log10_p,
       round(h.matched_background, 4) AS matched_background, round(h.matched_enrichment, 2) AS matched_enrichment,
       round(h.matched_low, 2) AS matched_low, round(h.matched_high, 2) AS matched_high,
       round(h.matched_log10_p, 2) + 0 AS matched_log10_p, round(h.confidence, 6) AS confidence,
       coalesce(note, why_untested(n_proteins, 1, 1)) AS note
FROM type_reaches LEFT JOIN pooled AS h USING (type, within) LEFT JOIN residues_without_place USING (type, within)
LEFT JOIN sequences_without_structure USING (type)
ORDER BY type, within
