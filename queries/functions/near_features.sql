-- returns: The positions within reach of a feature along the sequence, for each feature type, protein and reach.
-- notes: types and withins are lists; ids NULL is all proteins; one accession of each sequence, as in
--   `featured_sequences`. Columns: type, accession, within, length, position.
CREATE MACRO near_features(types, withins, ids) AS TABLE
    SELECT DISTINCT type, accession, within, length, unnest(positions_within(position, within, length)) AS position
    FROM featured_residues(types, ids), (SELECT DISTINCT unnest(withins) AS within)
