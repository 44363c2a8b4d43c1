-- title: The predicted contacts of a protein
-- topic: Annotation
-- needs: contacts
-- answers: Which residues does the model think are near each other, and are they? The distance is that in a structure
--   of the same sequence, the chain with the most residues, where `attlas annotate` added one.
-- parameters:
--   protein protein: Id of the protein.
--   least float 0..1 = 0.3: Probability from which on a pair is listed.
--   atom text ca|cb = cb: C-alpha, or C-beta (of glycine C-alpha), which the contact head was fitted to.
-- columns:
--   residues: Letters and positions of both.
--   separation: How far apart they are along the sequence.
--   distance: Between the atoms, angstrom; empty without coordinates of both.
--   is_contact: Whether they are nearer than 8 angstrom; empty without coordinates.
--   source: File of the structure.
-- example: protein=P68871
-- grain: i, j
-- source: Rao et al. 2020 for the contact head.
WITH protein AS (SELECT accession, sequence_id, sequence FROM proteins WHERE accession = $protein),

residue_places AS (
    SELECT source, chain, position, accession,
           of_atom($atom, ca_x, cb_x) AS x,
           of_atom($atom, ca_y, cb_y) AS y,
           of_atom($atom, ca_z, cb_z) AS z
    FROM coordinates
    WHERE sequence_id = (SELECT sequence_id FROM protein)
),

-- The chain that shows most of the sequence, whichever accession it was added to.
largest_chain AS (
    SELECT accession, source, chain
    FROM residue_places
    WHERE x IS NOT NULL
    GROUP BY accession, source, chain
    ORDER BY count(*) DESC, accession, source, chain
    LIMIT 1
),

places AS (SELECT * FROM residue_places SEMI JOIN largest_chain USING (accession, source, chain) WHERE x IS NOT NULL),

pairs AS (
    SELECT i, j, probability, a.source, a.chain, sequence[i] || i || ' ' || sequence[j] || j AS residues,
           sqrt((a.x - b.x) ^ 2 + (a.y - b.y) ^ 2 + (a.z - b.z) ^ 2) AS distance,
           is_near(a.x - b.x, a.y - b.y, a.z - b.z) AS is_contact
    FROM contacts JOIN protein USING (accession)
    LEFT JOIN places AS a ON a.position = i
    LEFT JOIN places AS b ON b.position = j
    WHERE probability >= $least
)

SELECT i, j, residues, j - i AS separation, round(probability, 4) AS probability, round(distance, 2) AS distance,
       is_contact, CASE WHEN distance IS NOT NULL THEN source END AS source,
       CASE WHEN distance IS NOT NULL THEN chain END AS chain
FROM pairs
ORDER BY pairs.probability DESC, i, j
