-- returns: Of chains with coordinates, one a sequence or 'all', how many of the pairs of highest score are contacts, by
--   range.
-- notes: atom is 'cb' or 'ca'; structures is 'one', the chain with most residues of each sequence, or 'all'; ids NULL
--   is all proteins; method as in `scored_contacts`: sequences on which the heads were chosen are left out. Columns:
--   sequence_id, accession, source, chain, n_residues with coordinates, range (short, medium or long, from first
--   residues apart), cut (L, L/2 or L/5: n_residues over divisor), n_known pairs with coordinates, n_known_contacts of
--   them, n_asked pairs by the cut, n_pairs that the atlas holds of these, n_contacts of them.
-- source: Rao et al. 2020 for ranges and cuts; a contact is a pair closer than 8 angstrom, at least six residues apart.
CREATE MACRO chain_contacts(atom, structures, ids, method) AS TABLE
    WITH scored AS NOT MATERIALIZED (
        SELECT accession, i, j, score FROM scored_contacts(method) WHERE NOT chose_heads
    ),

    residue_places AS (
        SELECT accession, sequence_id, source, chain, position,
               of_atom(atom, ca_x, cb_x) AS x,
               of_atom(atom, ca_y, cb_y) AS y,
               of_atom(atom, ca_z, cb_z) AS z
        FROM main.coordinates SEMI JOIN scored USING (accession)
        WHERE ids IS NULL OR accession IN (SELECT unnest(ids::VARCHAR[]))
    ),

    chains AS (
        SELECT sequence_id, source, chain, accession, count(*) AS n_residues
        FROM residue_places
        WHERE x IS NOT NULL
        GROUP BY ALL
    ),

    -- One file may stand under several accessions of a sequence: it counts once.
    distinct_chains AS (
        SELECT sequence_id, source, chain, arg_min(accession, (-n_residues, accession)) AS accession,
               max(n_residues) AS n_residues
        FROM chains
        GROUP BY sequence_id, source, chain
    ),

    -- All chains, or of each sequence the one with most coordinates.
    chains_counted AS (
        SELECT sequence_id, accession, source, chain, n_residues
        FROM distinct_chains
        WINDOW of_sequence AS (PARTITION BY sequence_id ORDER BY n_residues DESC, accession, source, chain)
        QUALIFY CASE structures WHEN 'all' THEN true WHEN 'one' THEN row_number() OVER of_sequence = 1
                                ELSE error('Structures are one or all.') END
    ),

    -- Materialised, for pairs are made of them twice. The pairs are not, for they are too many to keep.
    places AS MATERIALIZED (
        SELECT accession, source, chain, position, x, y, z
        FROM residue_places SEMI JOIN chains_counted USING (accession, source, chain)
        WHERE x IS NOT NULL
    ),

    residue_pairs AS NOT MATERIALIZED (
        SELECT a.accession, a.source, a.chain, a.position AS i, b.position AS j,
               contact_range(b.position - a.position) AS range,
               is_near(a.x - b.x, a.y - b.y, a.z - b.z) AS is_contact
        FROM places AS a JOIN places AS b
        ON b.accession = a.accession AND b.source = a.source AND b.chain = a.chain AND b.position >= a.position + 6
    ),

    -- How many pairs could be judged at all: contacts, and others.
    known_pairs AS (
        SELECT accession, source, chain, range, count(*) AS n_known, count(*) FILTER (is_contact) AS n_known_contacts
        FROM residue_pairs
        GROUP BY accession, source, chain, range
    ),

    -- The pair of highest score of a chain and range first.
    ranked AS (
        SELECT accession, source, chain, range, is_contact,
               row_number() OVER (PARTITION BY accession, source, chain, range ORDER BY score DESC, i, j) AS rank
        FROM scored JOIN residue_pairs USING (accession, i, j)
    ),

    -- How many of the best pairs are looked at, for every chain, range and cut.
    cuts AS (
        SELECT c.*, range, first, cut, divisor, coalesce(n_known, 0) AS n_known,
               coalesce(n_known_contacts, 0) AS n_known_contacts,
               least(greatest(n_residues // divisor, 1), coalesce(n_known, 0)) AS n_asked
        FROM chains_counted AS c
        CROSS JOIN (VALUES ('short', 6), ('medium', 12), ('long', 24)) AS r (range, first)
        CROSS JOIN (VALUES ('L', 1), ('L/2', 2), ('L/5', 5)) AS d (cut, divisor)
        LEFT JOIN known_pairs USING (accession, source, chain, range)
    ),

    -- The pairs at the top, as many as were asked for, and how many of them are contacts.
    best_pairs AS (
        SELECT a.accession, a.source, a.chain, a.range, a.cut, count(rank) AS n_pairs,
               count(*) FILTER (is_contact) AS n_contacts
        FROM cuts AS a LEFT JOIN ranked AS r
        ON r.accession = a.accession AND r.source = a.source AND r.chain = a.chain AND r.range = a.range
           AND r.rank <= a.n_asked
        GROUP BY ALL
    )

    SELECT a.*, n_pairs, n_contacts
    FROM cuts AS a JOIN best_pairs USING (accession, source, chain, range, cut)
