-- returns: Sites near features in a structure, for each feature type, sequence and reach in angstrom.
-- notes: types and withins are lists; ids NULL is all proteins; atom is 'cb' or 'ca'. Of each sequence the chain with
--   most coordinates. Columns: type, sequence_id, accession, n_all_sites, source, chain, n_residues, n_all_labelled,
--   n_labelled, within, n_sites, n_hits, n_found, expected, variance, matched, matched_variance, at_features.
CREATE MACRO structure_hits(types, withins, ids, atom) AS TABLE
    WITH carriers AS (SELECT * RENAME (n_sites AS n_all_sites) FROM featured_sequences(types, ids)),

    labelled AS (FROM featured_residues(types, ids)),

    -- Atoms of every structure of the sequence, whichever of its accessions it was added to.
    points AS (
        SELECT sequence_id, accession AS shown, source, chain, position, residue,
               of_atom(atom, ca_x, cb_x) AS x,
               of_atom(atom, ca_y, cb_y) AS y,
               of_atom(atom, ca_z, cb_z) AS z
        FROM main.coordinates SEMI JOIN carriers USING (sequence_id)
    ),

    -- Of each sequence the chain with most coordinates.
    structures AS (
        SELECT sequence_id, shown, source, chain, count(*) AS n_residues
        FROM points
        WHERE isfinite(x) AND isfinite(y) AND isfinite(z)
        GROUP BY sequence_id, shown, source, chain
        QUALIFY row_number() OVER (PARTITION BY sequence_id ORDER BY count(*) DESC, source, chain, shown) = 1
    ),

    -- The residues of these chains that have coordinates, and those of them that carry the feature.
    placed_residues AS (
        SELECT sequence_id, position, residue, x, y, z
        FROM points JOIN structures USING (sequence_id, shown, source, chain)
        WHERE isfinite(x) AND isfinite(y) AND isfinite(z)
    ),

    placed_labels AS (
        SELECT type, sequence_id, position, x, y, z FROM labelled JOIN placed_residues USING (sequence_id, position)
    ),

    all_labelled AS (SELECT type, sequence_id, count(*) AS n_all_labelled FROM labelled GROUP BY ALL),

    -- The proteins that count: their chain shows at least one residue with the feature.
    proteins_counted AS (
        SELECT type, sequence_id, c.accession, n_all_sites, source, chain, n_residues, n_all_labelled,
               count(*) AS n_labelled
        FROM carriers AS c JOIN structures USING (sequence_id) JOIN all_labelled USING (type, sequence_id)
        JOIN placed_labels USING (type, sequence_id)
        GROUP BY ALL
    ),

    -- The distance of every residue shown to the nearest one with the feature, and the other way round to a site.
    nearest AS (
        SELECT l.type, s.sequence_id, s.position, s.residue,
               sqrt(min((s.x - l.x) ^ 2 + (s.y - l.y) ^ 2 + (s.z - l.z) ^ 2)) AS distance
        FROM placed_residues AS s JOIN placed_labels AS l ON l.sequence_id = s.sequence_id
        GROUP BY ALL
    ),

    -- The sites among them, with their places.
    placed_sites AS (
        SELECT DISTINCT s.sequence_id, s.position, s.residue, x, y, z
        FROM main.sites AS s JOIN placed_residues AS e ON e.sequence_id = s.sequence_id AND e.position = s.position
    ),

    site_distances AS (
        SELECT type, sequence_id, position, residue, distance
        FROM nearest SEMI JOIN placed_sites USING (sequence_id, position)
    ),

    -- The distance of every labelled residue to the nearest site.
    label_distances AS (
        SELECT l.type, l.sequence_id, l.position,
               sqrt(min((s.x - l.x) ^ 2 + (s.y - l.y) ^ 2 + (s.z - l.z) ^ 2)) AS distance
        FROM placed_labels AS l JOIN placed_sites AS s ON s.sequence_id = l.sequence_id
        GROUP BY ALL
    ),

    -- By reach and letter: residues, residues near the feature, sites, sites near the feature.
    reaches AS (SELECT DISTINCT unnest(withins) AS within),

    areas AS (
        SELECT type, sequence_id, within, residue, count(*) AS n_letter, count(*) FILTER (distance <= within) AS n_near
        FROM nearest, reaches
        GROUP BY ALL
    ),

    hits AS (
        SELECT type, sequence_id, within, residue, count(*) AS n_sites, count(*) FILTER (distance <= within) AS n_hits
        FROM site_distances, reaches
        GROUP BY ALL
    ),

    label_counts AS (
        SELECT type, sequence_id, within, count(*) FILTER (distance <= within) AS n_found
        FROM label_distances, reaches
        GROUP BY ALL
    ),

    -- Hits of residues drawn anew, of the same letters: a hypergeometric number for each letter.
    matched AS (
        SELECT type, sequence_id, within, sum(n_near) AS n_near, sum(coalesce(n_sites, 0)) AS n_sites,
               sum(coalesce(n_hits, 0)) AS n_hits, sum(coalesce(n_sites * n_near / n_letter, 0)) AS matched,
               sum(coalesce(hypergeometric_variance(n_sites, n_near, n_letter), 0)) AS matched_variance
        FROM areas LEFT JOIN hits USING (type, sequence_id, within, residue)
        GROUP BY ALL
    ),

    -- The sites near a feature as a user reads them, such as `H95 3.2`: letter, position, angstrom.
    site_names AS (
        SELECT type, sequence_id, within,
               list(residue || position || ' ' || round(distance, 1) ORDER BY position) FILTER (distance <= within)
               AS at_features
        FROM site_distances, reaches
        GROUP BY type, sequence_id, within
    )

    SELECT c.*, within, m.n_sites, n_hits, coalesce(n_found, 0) AS n_found, m.n_sites * n_near / n_residues AS expected,
           hypergeometric_variance(m.n_sites, n_near, n_residues) AS variance, matched, matched_variance, at_features
    FROM proteins_counted AS c JOIN matched AS m USING (type, sequence_id)
    LEFT JOIN label_counts USING (type, sequence_id, within)
    LEFT JOIN site_names USING (type, sequence_id, within)
