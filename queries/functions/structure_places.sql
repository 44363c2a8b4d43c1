-- returns: Where the residues of distinct sequences are, in one structure each: the chain that shows most residues.
-- notes: atom is 'cb' or 'ca'; ids NULL is all proteins. A chain counts whichever accession of the sequence it was
--   added to; the sequence is named by its first accession among ids. Columns: accession, position, x, y, z
--   (angstrom), source, chain.
CREATE MACRO structure_places(atom, ids) AS TABLE
    WITH distinct_sequences AS (
        SELECT sequence_id, min(accession) AS accession
        FROM main.proteins
        WHERE status = 'ok' AND (ids IS NULL OR accession IN (SELECT unnest(ids::VARCHAR[])))
        GROUP BY sequence_id
    ),

    residue_places AS (
        SELECT c.sequence_id, c.accession AS owner, source, chain, position,
               of_atom(atom, ca_x, cb_x) AS x,
               of_atom(atom, ca_y, cb_y) AS y,
               of_atom(atom, ca_z, cb_z) AS z
        FROM main.coordinates AS c SEMI JOIN distinct_sequences USING (sequence_id)
    ),

    -- Of each sequence the chain with most coordinates.
    largest_chains AS (
        SELECT sequence_id, owner, source, chain
        FROM residue_places
        WHERE x IS NOT NULL
        GROUP BY sequence_id, owner, source, chain
        QUALIFY row_number() OVER (PARTITION BY sequence_id ORDER BY count(*) DESC, owner, source, chain) = 1
    )

    SELECT s.accession, position, x, y, z, source, chain
    FROM residue_places AS r SEMI JOIN largest_chains USING (sequence_id, owner, source, chain)
    JOIN distinct_sequences AS s USING (sequence_id)
    WHERE x IS NOT NULL
