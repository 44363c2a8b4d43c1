-- title: Sites near the ends of the sequence
-- topic: Sites
-- answers: Which sites lie within some residues of the N or C terminus, the first methionine among them?
-- parameters:
--   within int 1.. = 10: Residues from the end; 1 is the end itself.
-- columns:
--   terminus: `N` or `C`, the nearer one.
--   from_end: Place counted from that end, 1 for the first or last residue.
-- grain: accession, position
-- source: Nayar, Tartici and Altman 2025.
WITH site_places AS (
    SELECT s.accession, p.entry_name, p.length, s.position, s.residue, s.rank, p.n_sites, s.share,
           CASE WHEN 2 * s.position <= p.length + 1 THEN 'N' ELSE 'C' END AS terminus,
           least(s.position, p.length + 1 - s.position) AS from_end
    FROM sites AS s JOIN proteins AS p USING (accession)
)

SELECT terminus, from_end, accession, entry_name, length, position, residue, rank, n_sites, round(share, 3) AS share
FROM site_places
WHERE from_end <= $within
ORDER BY terminus DESC, from_end, accession, position
