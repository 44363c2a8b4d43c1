-- returns: Of proteins, their sites, as many random residues, and as many random residues of the same letters.
-- notes: accessions is a list; another seed draws other residues. A site may be drawn, too. Columns: method (`sites`,
--   `random` or `letters`), accession, position, received.
CREATE MACRO drawn_residues(accessions, seed) AS TABLE
    WITH residues_of_proteins AS (
        SELECT r.accession, r.position, r.residue, r.received, s.position IS NOT NULL AS is_site,
               md5(concat(seed, ' ', p.md5, ' ', r.position)) AS draw
        FROM main.residues AS r JOIN main.proteins AS p USING (accession)
        LEFT JOIN main.sites AS s ON s.accession = r.accession AND s.position = r.position
        WHERE r.accession IN (SELECT unnest(accessions))
    ),

    -- A residue is drawn if its hash is among the lowest, of the protein or of its letter in the protein.
    draws AS (
        SELECT accession, position, received, is_site,
               row_number() OVER (PARTITION BY accession ORDER BY draw, position)
               <= count(*) FILTER (is_site) OVER (PARTITION BY accession) AS is_random,
               row_number() OVER (PARTITION BY accession, residue ORDER BY draw, position)
               <= count(*) FILTER (is_site) OVER (PARTITION BY accession, residue) AS is_random_of_letter
        FROM residues_of_proteins
    )

    SELECT unnest(CASE WHEN is_site THEN ['sites'] ELSE [] END
                  || CASE WHEN is_random THEN ['random'] ELSE [] END
                  || CASE WHEN is_random_of_letter THEN ['letters'] ELSE [] END) AS method,
           accession, position, received::DOUBLE[] AS received
    FROM draws
    WHERE is_site OR is_random OR is_random_of_letter
