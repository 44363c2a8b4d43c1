-- returns: Residues of `featured_sequences` that carry the feature, each once.
-- notes: types is a list; ids NULL is all proteins. Columns: type, sequence_id, accession, length, position.
CREATE MACRO featured_residues(types, ids) AS TABLE
    SELECT DISTINCT s.type, s.sequence_id, s.accession, s.length,
           unnest(feature_positions(s.type, f.begin, f.end)) AS position
    FROM featured_sequences(types, ids) AS s JOIN main.features AS f ON f.accession = s.accession AND f.type = s.type
