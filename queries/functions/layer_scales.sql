-- returns: Of proteins, the largest attention that a residue receives in each layer, and the mean over this largest.
-- notes: accessions is a list. Columns: accession, maxima and means (lists, a number for each layer; of a layer
--   without attention the largest is empty and the mean 0).
CREATE MACRO layer_scales(accessions) AS TABLE
    WITH layers AS (
        SELECT accession, unnest(received)::DOUBLE AS received, unnest(range(len(received))) AS layer
        FROM main.residues
        WHERE accession IN (SELECT unnest(accessions))
    ),

    -- A layer that receives nothing has no scale.
    extremes AS (
        SELECT accession, layer, nullif(max(received), 0) AS maximum, avg(received) AS mean
        FROM layers
        GROUP BY accession, layer
    )

    SELECT accession, list(maximum ORDER BY layer) AS maxima,
           list(coalesce(mean / maximum, 0) ORDER BY layer) AS means
    FROM extremes
    GROUP BY accession
