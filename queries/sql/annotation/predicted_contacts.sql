-- title: The predicted contacts of a protein
-- topic: Annotation
-- needs: contacts
-- answers: Which residues does the model think are near each other, and are they? The distance is that in a structure
--   of the same sequence, the chain with the most residues, where `attlas annotate` added one.
-- parameters:
--   protein protein: Id of the protein.
--   min_probability float 0..1 = 0.3: Probability from which on a pair is listed.
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
SELECT i, j, residues, separation, round(pair.score, 4) AS probability, round(pair.distance, 2) AS distance, is_contact,
       source, chain
FROM contacts_in_structure($protein, $atom, 'contact_head') AS pair
WHERE pair.score >= $min_probability
ORDER BY pair.score DESC, i, j
