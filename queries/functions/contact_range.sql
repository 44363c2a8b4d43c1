-- returns: The range of a contact: short (6 to 11 residues apart), medium (12 to 23) or long (24 or more).
-- notes: separation is how far the residues are apart along the sequence, at least 6.
-- source: Rao et al. 2020.
CREATE MACRO contact_range(separation) AS
    CASE WHEN separation < 12 THEN 'short' WHEN separation < 24 THEN 'medium' ELSE 'long' END
