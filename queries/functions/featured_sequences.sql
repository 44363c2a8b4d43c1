-- returns: Sequences that were searched for sites and carry a feature of some types, by one accession each.
-- notes: types is a list; ids NULL is all proteins. Columns: type, sequence_id, accession, length, n_sites.
CREATE MACRO featured_sequences(types, ids) AS TABLE
    SELECT type, p.sequence_id, min(accession) AS accession, any_value(length) AS length, any_value(n_sites) AS n_sites
    FROM main.features JOIN main.proteins AS p USING (accession)
    WHERE type IN (SELECT unnest(types::VARCHAR[])) AND p.layer IS NOT NULL
          AND (ids IS NULL OR accession IN (SELECT unnest(ids::VARCHAR[])))
    GROUP BY type, p.sequence_id
