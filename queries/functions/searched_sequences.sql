-- returns: The distinct sequences that were searched for sites, each under its first accession.
-- notes: ids is a list of accessions to choose from; NULL is all proteins. Columns: accession, sequence, length.
CREATE MACRO searched_sequences(ids) AS TABLE
    SELECT min(accession) AS accession, any_value(sequence) AS sequence, any_value(length) AS length
    FROM main.proteins
    WHERE layer IS NOT NULL AND (ids IS NULL OR accession IN (SELECT unnest(ids::VARCHAR[])))
    GROUP BY sequence_id
