-- title: The contacts of a protein by fused heads
-- topic: Annotation
-- needs: fused_contacts
-- answers: Which residues are near each other by the mean of a few chosen heads, and are they? For a model without a
--   contact head. The score is no probability and has no threshold: it ranks the pairs of this protein, so the best
--   are listed, as many of each range (short is |i - j| of 6 to 11, medium 12 to 23, long 24 or more) as asked for. The
--   distance is that in a structure of the same sequence, where `attlas annotate` added one.
-- parameters:
--   protein protein: Id of the protein.
--   n int 1.. = 20: Pairs of each range to list; at most two for each residue are stored.
--   atom text ca|cb = cb: C-alpha, or C-beta (of glycine C-alpha).
-- columns:
--   range: How far apart along the sequence: short, medium or long.
--   rank: Place among the pairs of the range, by score; 1 is the best.
--   residues: Letters and positions of both.
--   separation: How far apart they are along the sequence.
--   distance: Between the atoms, angstrom; empty without coordinates of both.
--   is_contact: Whether they are nearer than 8 angstrom; empty without coordinates.
--   source: File of the structure.
-- example: protein=P68871
-- grain: i, j
-- source: arXiv 2606.21876.
WITH pairs AS (
    SELECT *, contact_range(separation) AS range
    FROM contacts_in_structure($protein, $atom, 'fused_heads')
),

ranked AS (
    SELECT *, row_number() OVER (PARTITION BY range ORDER BY score DESC, i, j) AS rank
    FROM pairs
)

SELECT range, rank, i, j, residues, separation, round(ranked.score, 4) AS score, round(ranked.distance, 2) AS distance,
       is_contact, source, chain, chose_heads
FROM ranked
WHERE rank <= $n
ORDER BY CASE range WHEN 'short' THEN 1 WHEN 'medium' THEN 2 ELSE 3 END, rank, i, j
