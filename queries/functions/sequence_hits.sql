-- returns: Sites near features along the sequence, for each feature type, sequence and reach in residues.
-- notes: types and withins are lists; ids NULL is all proteins. Columns: type, accession, within, length, n_sites,
--   n_labelled, n_near (residues within reach of the feature), n_found (labelled residues with a site within reach),
--   n_hits, at_features, expected and variance (hits of as many residues anywhere), matched and matched_variance (of as
--   many residues of the same letters).
CREATE MACRO sequence_hits(types, withins, ids) AS TABLE
    WITH carriers AS (FROM featured_sequences(types, ids)),

    labelled AS (FROM featured_residues(types, ids)),

    near_residues AS (FROM near_features(types, withins, ids)),

    -- Of each letter: how many residues of the protein, how many of them near the feature, how many of them sites.
    letters AS (
        SELECT accession, residue, count(*) AS n_letter
        FROM (
            SELECT accession, unnest(string_split(sequence, '')) AS residue
            FROM main.proteins SEMI JOIN carriers USING (accession)
        )
        GROUP BY accession, residue
    ),

    -- Residues near a feature, by letter.
    near_letters AS (
        SELECT type, accession, within, sequence[position] AS residue, count(*) AS n_near
        FROM near_residues JOIN main.proteins USING (accession)
        GROUP BY ALL
    ),

    -- Sites, by letter.
    site_letters AS (
        SELECT accession, residue, count(*) AS n_sites FROM main.sites SEMI JOIN carriers USING (accession) GROUP BY ALL
    ),

    -- Hits of residues drawn anew: a hypergeometric number for each letter.
    matched AS (
        SELECT type, accession, within, sum(n_sites * n_near / n_letter) AS matched,
               sum(hypergeometric_variance(n_sites, n_near, n_letter)) AS matched_variance
        FROM near_letters JOIN letters USING (accession, residue) JOIN site_letters USING (accession, residue)
        GROUP BY ALL
    ),

    -- Sites near the feature, counted and named.
    hits AS (
        SELECT n.type, n.accession, within, count(*) AS n_hits,
               list(s.residue || s.position ORDER BY s.position) AS at_features
        FROM near_residues AS n JOIN main.sites AS s ON s.accession = n.accession AND s.position = n.position
        GROUP BY ALL
    ),

    -- Labelled residues that have a site within reach, by the distance to their nearest site.
    distances AS (
        SELECT l.type, l.accession, l.position, min(abs(s.position - l.position)) AS distance
        FROM labelled AS l LEFT JOIN main.sites AS s ON s.accession = l.accession
        GROUP BY ALL
    ),

    -- Residues with the feature, and those of them with a site within reach.
    labelled_counts AS (
        SELECT type, accession, within, count(*) AS n_labelled, count(*) FILTER (distance <= within) AS n_found
        FROM distances, (SELECT DISTINCT unnest(withins) AS within)
        GROUP BY ALL
    ),

    -- Residues near a feature, of any letter: what a random residue may hit.
    areas AS (SELECT type, accession, within, sum(n_near)::BIGINT AS n_near FROM near_letters GROUP BY ALL)

    SELECT type, accession, within, length, n_sites, n_labelled, n_near, n_found, coalesce(n_hits, 0) AS n_hits,
           at_features, n_sites * n_near / length AS expected,
           hypergeometric_variance(n_sites, n_near, length) AS variance,
           coalesce(matched, 0) AS matched, coalesce(matched_variance, 0) AS matched_variance
    FROM carriers JOIN labelled_counts USING (type, accession)
    JOIN areas USING (type, accession, within)
    LEFT JOIN hits USING (type, accession, within)
    LEFT JOIN matched USING (type, accession, within)
