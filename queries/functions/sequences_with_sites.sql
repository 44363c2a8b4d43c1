-- returns: The distinct sequences with at least one high-attention site, each under its first accession.
-- notes: ids is a list of accessions to choose from; NULL is all proteins. Columns: sequence_id, accession, md5.
CREATE MACRO sequences_with_sites(ids) AS TABLE
    SELECT sequence_id, min(accession) AS accession, any_value(md5) AS md5
    FROM main.proteins
    WHERE n_sites > 0 AND (ids IS NULL OR accession IN (SELECT unnest(ids::VARCHAR[])))
    GROUP BY sequence_id
