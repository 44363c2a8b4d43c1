-- returns: How many residues with a feature have a chosen one within reach, for each rule, feature type and reach.
-- notes: Parameters as in `sequence_hits`, methods as in `choice_hits` but `random of the same letters`, of which it is
--   not known; of `random` the mean over all draws. Columns: method, layer, type, within, n_found.
CREATE MACRO choices_found(types, withins, ids) AS TABLE
    WITH labelled AS (FROM featured_residues(types, ids)),

    reaches AS (SELECT DISTINCT unnest(withins) AS within),

    searched AS (SELECT DISTINCT accession, length, n_sites FROM featured_sequences(types, ids)),

    -- Every position within reach of a residue that the rule chooses.
    positions_in_reach AS (
        SELECT DISTINCT method, layer, accession, within,
               unnest(positions_within(position, within, length)) AS position
        FROM residue_choices(types, ids) JOIN searched USING (accession), reaches
    ),

    -- n of n_all residues are drawn, and n_outside of these are too far from the labelled one to find it.
    windows AS (
        SELECT l.type, within, s.n_sites AS n, l.length AS n_all,
               l.length - len(positions_within(position, within, l.length)) AS n_outside
        FROM labelled AS l JOIN searched AS s USING (accession), reaches
    )

    SELECT method, layer, type, within, count(*)::DOUBLE AS n_found
    FROM labelled JOIN positions_in_reach USING (accession, position)
    GROUP BY ALL
    UNION ALL
    SELECT 'random', NULL, type, within,
           sum(CASE WHEN n > n_outside THEN 1 ELSE 1 - exp(log_choose(n_outside, n) - log_choose(n_all, n)) END)
    FROM windows
    GROUP BY ALL
