-- returns: A coordinate of the alpha carbon for 'ca', of the beta carbon for 'cb'.
CREATE MACRO of_atom(atom, ca, cb) AS
    (CASE atom WHEN 'ca' THEN ca WHEN 'cb' THEN cb ELSE error('The atom is ca or cb.') END)::DOUBLE
