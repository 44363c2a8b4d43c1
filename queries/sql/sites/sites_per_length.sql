-- title: Proteins ranked by sites per length
-- topic: Sites
-- answers: Which proteins have the most high-attention sites for their length? Short proteins reach the highest and
--   the lowest ranks by chance: see `sites_by_length`, and raise min_length.
-- parameters:
--   min_length int 1.. = 50: Shortest protein ranked, residues.
-- columns:
--   sites_per_100: Sites per 100 residues.
-- grain: accession
-- source: Nayar, Tartici and Altman 2025.
SELECT accession, entry_name, gene, length, n_sites, round(100.0 * n_sites / length, 2) AS sites_per_100, layer
FROM proteins
WHERE layer IS NOT NULL AND length >= $min_length
ORDER BY n_sites / length DESC, accession
