-- returns: Proteins as sets of vectors of length 1, a set for each way to represent a protein.
-- notes: accessions is a list. Of `sites`, `random` and `letters` (see `drawn_residues`) a vector for each residue:
--   what it receives in each layer over the largest of the layer, to two decimals. Of `profile` one vector: the mean
--   over all residues. Of `composition` one: the counts of the 20 amino acids. Of `embedding` one, where the atlas has
--   the vectors `mean`: that of the last layer which has them. representation is one of these, or `every`. Columns:
--   method, accession, vectors.
-- source: Nayar, Tartici and Altman 2025 for the sites.
CREATE MACRO protein_vectors(accessions, representation, seed) AS TABLE
    WITH scales AS (FROM layer_scales(accessions)),

    numbers_of_proteins AS (
        SELECT method, accession, [coalesce(round(x / maxima[i], 2), 0) FOR x, i IN received] AS numbers
        FROM drawn_residues(accessions, seed) JOIN scales USING (accession)
        UNION ALL
        SELECT 'profile', accession, means
        FROM scales
        UNION ALL
        SELECT 'composition', accession,
               [length(sequence) - length(replace(sequence, letter, ''))
                FOR letter IN string_split('ACDEFGHIKLMNPQRSTVWY', '')]::DOUBLE[]
        FROM main.proteins
        WHERE accession IN (SELECT unnest(accessions))
        UNION ALL
        SELECT 'embedding', accession, vector::DOUBLE[]
        FROM main.vectors
        WHERE kind = 'mean' AND accession IN (SELECT unnest(accessions))
              AND layer = (SELECT max(layer) FROM main.vectors WHERE kind = 'mean')
    )

    -- An ENUM sorts in this order, and faster than text.
    SELECT method::ENUM('sites', 'random', 'letters', 'profile', 'composition', 'embedding') AS method, accession,
           list(unit_vector(numbers)) AS vectors
    FROM numbers_of_proteins
    WHERE representation IN ('every', numbers_of_proteins.method)
    GROUP BY ALL
