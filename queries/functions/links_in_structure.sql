-- returns: The links whose two residues have coordinates in a structure of the sequence, with their distance.
-- notes: atom is 'cb' or 'ca'; ids NULL is all proteins. Distinct sequences, each under its first accession. The
--   structure is the chain that shows most of the sequence, whichever accession it was added to. Columns: accession,
--   layer, head, i, j, weight, distance, is_contact, source, chain.
CREATE MACRO links_in_structure(atom, ids) AS TABLE
    WITH places AS (FROM structure_places(atom, ids))

    SELECT l.accession, l.layer, l.head, l.i, l.j, l.weight,
           sqrt((a.x - b.x) ^ 2 + (a.y - b.y) ^ 2 + (a.z - b.z) ^ 2) AS distance,
           is_near(a.x - b.x, a.y - b.y, a.z - b.z) AS is_contact, a.source, a.chain
    FROM main.links AS l
    JOIN places AS a ON a.accession = l.accession AND a.position = l.i
    JOIN places AS b ON b.accession = l.accession AND b.position = l.j
