-- returns: The positions of a feature: of a disulfide bond and a cross-link its two ends, else all its residues.
-- source: UniProt's manual, feature types.
CREATE MACRO feature_positions(type, first, last) AS
    CASE WHEN type IN ('Disulfide bond', 'Cross-link') THEN [first, last] ELSE range(first, last + 1) END::INTEGER[]
