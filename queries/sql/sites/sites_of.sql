-- title: The sites of some proteins, with the residues around them
-- topic: Sites
-- answers: Where are the high-attention sites of my proteins? A protein without sites has one row that says why.
-- parameters:
--   proteins proteins: Ids of proteins.
--   flank int 0..1000 = 5: Residues shown on each side.
-- columns:
--   around: The site in upper case between its neighbours in lower case.
--   note: That the site is the initiator methionine; why there are no sites, or that there are many; empty otherwise.
-- example: proteins=P07550,P68871,P0DPR3
-- grain: accession, position
-- source: Nayar, Tartici and Altman 2025.
SELECT p.accession, p.entry_name, s.rank, s.position, s.residue, s.layer, round(s.share, 3) AS share,
       lower(p.sequence[greatest(s.position - $flank, 1):s.position - 1]) || s.residue
       || lower(p.sequence[s.position + 1:s.position + $flank]) AS around,
       nullif(concat_ws('; ', CASE WHEN s.is_initiator_methionine THEN 'initiator methionine' END,
                        coalesce(p.reason, p.sites_note)), '') AS note
FROM proteins AS p LEFT JOIN sites AS s ON s.accession = p.accession
WHERE p.accession IN (SELECT unnest($proteins::VARCHAR[]))
ORDER BY p.accession, s.rank, s.position
