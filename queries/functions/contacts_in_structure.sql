-- returns: The stored pairs of a protein, with the distance of both residues in a structure of the same sequence.
-- notes: id is an accession; atom is 'cb' or 'ca'; method as in `scored_contacts`. The structure is the chain that
--   shows most of the sequence, whichever accession it was added to. Columns: i, j, residues, separation, score,
--   chose_heads, distance, is_contact, source, chain; the last four NULL without coordinates of both.
CREATE MACRO contacts_in_structure(id, atom, method) AS TABLE
    WITH protein AS (SELECT accession, sequence_id, sequence FROM main.proteins WHERE accession = id),

    residue_places AS (
        SELECT source, chain, position, accession,
               of_atom(atom, ca_x, cb_x) AS x,
               of_atom(atom, ca_y, cb_y) AS y,
               of_atom(atom, ca_z, cb_z) AS z
        FROM main.coordinates
        WHERE sequence_id = (SELECT sequence_id FROM protein)
    ),

    -- The chain with most coordinates, of any accession of the sequence.
    largest_chain AS (
        SELECT accession, source, chain
        FROM residue_places
        WHERE x IS NOT NULL
        GROUP BY accession, source, chain
        ORDER BY count(*) DESC, accession, source, chain
        LIMIT 1
    ),

    places AS (
        SELECT * FROM residue_places SEMI JOIN largest_chain USING (accession, source, chain) WHERE x IS NOT NULL
    ),

    -- A residue without coordinates leaves the distance empty.
    residue_pairs AS (
        SELECT i, j, score, chose_heads, a.source, a.chain,
               sequence[i] || i || ' ' || sequence[j] || j AS residues,
               sqrt((a.x - b.x) ^ 2 + (a.y - b.y) ^ 2 + (a.z - b.z) ^ 2) AS distance,
               is_near(a.x - b.x, a.y - b.y, a.z - b.z) AS is_contact
        FROM scored_contacts(method) JOIN protein USING (accession)
        LEFT JOIN places AS a ON a.position = i
        LEFT JOIN places AS b ON b.position = j
    )

    SELECT i, j, residues, j - i AS separation, score, chose_heads, distance, is_contact,
           CASE WHEN distance IS NOT NULL THEN source END AS source,
           CASE WHEN distance IS NOT NULL THEN chain END AS chain
    FROM residue_pairs
