-- returns: Whether a pair is of the dimers that are asked for: heteromers, homodimers or all.
CREATE MACRO of_dimers(is_homodimer, dimers) AS
    CASE dimers WHEN 'heteromers' THEN NOT is_homodimer WHEN 'homodimers' THEN is_homodimer ELSE true END
