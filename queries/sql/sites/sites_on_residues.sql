-- title: Sites on given residue letters
-- topic: Sites
-- answers: Which sites fall on cysteines, or on glycines, or on another letter?
-- parameters:
--   residues texts = C: Letters, such as C or G,P.
--   flank int 0..1000 = 5: Residues shown on each side.
-- columns:
--   around: The site in upper case between its neighbours in lower case.
-- example: residues=C,R
-- grain: accession, position
-- source: Nayar, Tartici and Altman 2025.
SELECT s.residue, s.accession, p.entry_name, s.position, s.rank, p.n_sites, round(s.share, 3) AS share,
       lower(p.sequence[greatest(s.position - $flank, 1):s.position - 1]) || s.residue
       || lower(p.sequence[s.position + 1:s.position + $flank]) AS around
FROM sites AS s JOIN proteins AS p USING (accession)
WHERE s.residue IN (SELECT upper(unnest($residues::VARCHAR[])))
ORDER BY s.residue, s.accession, s.rank, s.position
