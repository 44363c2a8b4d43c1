-- returns: The fewest residues of a sequence whose head statistics count in means: 10.
-- notes: In a shorter one, special tokens are a sixth of all tokens or more, and every residue is near an end.
CREATE MACRO fewest_residues() AS 10
