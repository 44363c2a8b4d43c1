-- returns: The computed distinct sequences of a length or more, each under its first accession.
-- notes: ids is a list of accessions to choose from; NULL is all proteins. Columns: accession, length.
CREATE MACRO computed_sequences(ids, shortest) AS TABLE
    SELECT min(accession) AS accession, any_value(length) AS length
    FROM main.proteins
    WHERE status = 'ok' AND length >= shortest AND (ids IS NULL OR accession IN (SELECT unnest(ids::VARCHAR[])))
    GROUP BY sequence_id
