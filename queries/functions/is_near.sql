-- returns: Whether two atoms are nearer than 8 angstrom, by their differences along x, y and z: a contact.
-- source: Rao et al. 2020; Vig et al. 2021 (ICLR).
CREATE MACRO is_near(x, y, z) AS x ^ 2 + y ^ 2 + z ^ 2 < 8 ^ 2
