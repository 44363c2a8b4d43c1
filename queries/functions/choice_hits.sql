-- returns: How many of the residues that each rule chooses hit a feature, for each protein, with what chance gives.
-- notes: Parameters as in `sequence_hits`. Columns: method, layer, type, within, accession, n_chosen, n_hits, expected
--   and variance (of as many residues anywhere), is_tested. Beside the methods of `residue_choices` there are `random`
--   and `random of the same letters`, whose hits are means over all draws: they are what others are held against, so
--   they are not tested.
CREATE MACRO choice_hits(types, withins, ids) AS TABLE
    WITH site_hits AS (FROM sequence_hits(types, withins, ids)),

    near_residues AS (FROM near_features(types, withins, ids)),

    choices AS (FROM residue_choices(types, ids) WHERE method <> 'high-attention sites'),

    choice_counts AS (SELECT method, layer, accession, count(*) AS n_chosen FROM choices GROUP BY ALL),

    hits AS (
        SELECT method, layer, type, within, accession, count(*) AS n_hits
        FROM choices JOIN near_residues USING (accession, position)
        GROUP BY ALL
    )

    SELECT 'high-attention sites' AS method, NULL::SMALLINT AS layer, type, within, accession, n_sites AS n_chosen,
           n_hits::DOUBLE AS n_hits, expected, variance, n_sites > 0 AS is_tested
    FROM site_hits
    UNION ALL
    SELECT c.method, c.layer, s.type, s.within, c.accession, n_chosen, coalesce(h.n_hits, 0),
           n_chosen * n_near / length, hypergeometric_variance(n_chosen, n_near, length), true
    FROM choice_counts AS c JOIN site_hits AS s USING (accession)
    LEFT JOIN hits AS h
    ON h.accession = c.accession AND h.type = s.type AND h.within = s.within AND h.method = c.method
       AND h.layer IS NOT DISTINCT FROM c.layer
    UNION ALL
    SELECT 'random', NULL, type, within, accession, n_sites, expected, expected, variance, false
    FROM site_hits
    UNION ALL
    SELECT 'random of the same letters', NULL, type, within, accession, n_sites, matched, expected, matched_variance,
           false
    FROM site_hits
