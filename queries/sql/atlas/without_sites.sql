-- title: Proteins without sites, and why
-- topic: The atlas
-- answers: Which proteins have no high-attention site: not computed, too short for a fit, or none above the elbow?
-- columns:
--   why: Reason it was skipped or failed, or why a computed protein has no site.
-- grain: accession
-- source: Nayar, Tartici and Altman 2025 for the rule; no site found is an answer, not computed is none.
SELECT accession, entry_name, gene, length, status, coalesce(reason, sites_note) AS why, layer
FROM proteins
WHERE n_sites IS NULL OR n_sites = 0
ORDER BY status = 'ok', status, why, accession
