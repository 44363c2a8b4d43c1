-- returns: The residues that each simple rule chooses of the proteins with a feature, as many as they have sites.
-- notes: types is a list; ids NULL is all proteins. Columns: method, layer (NULL where it is none, or each protein's
--   own), accession, position. Methods: `high-attention sites`, `head-max sites`, `last layer, top n`, `any layer, top
--   n`, and `all layers, top n`, which are more. Ties break by position, as in the rule of the sites.
CREATE MACRO residue_choices(types, ids) AS TABLE
    WITH searched AS (SELECT DISTINCT accession, n_sites FROM featured_sequences(types, ids)),

    -- Attention received by each residue of a protein with sites, layer by layer.
    profiles AS (
        SELECT accession, position, n_sites, unnest(received) AS received,
               unnest(range(len(received)))::SMALLINT AS layer
        FROM main.residues JOIN searched USING (accession)
        WHERE n_sites > 0
    ),

    -- The n_sites positions of a protein that receive most in a layer.
    top_positions AS (
        SELECT accession, layer, unnest(arg_max(position, row(received, -position), n_sites)) AS position
        FROM profiles
        GROUP BY accession, layer, n_sites
    )

    SELECT 'high-attention sites' AS method, NULL::SMALLINT AS layer, accession, position
    FROM main.sites SEMI JOIN searched USING (accession)
    UNION ALL
    SELECT 'head-max sites', NULL, accession, position
    FROM main.head_max_sites SEMI JOIN searched USING (accession)
    UNION ALL
    SELECT CASE WHEN layer = max(layer) OVER () THEN 'last layer, top n' ELSE 'any layer, top n' END, layer, accession,
           position
    FROM top_positions
    UNION ALL
    SELECT DISTINCT 'all layers, top n', NULL::SMALLINT, accession, position
    FROM top_positions
