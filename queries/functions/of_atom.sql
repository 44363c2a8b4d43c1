-- returns: A coordinate of the alpha carbon for 'ca', else of the beta carbon.
CREATE MACRO of_atom(atom, ca, cb) AS (CASE atom WHEN 'ca' THEN ca ELSE cb END)::DOUBLE
