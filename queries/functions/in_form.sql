-- returns: Attention of a head: its edges for 'count', their weights for 'weighted', all its weights for 'mass'.
-- source: Vig et al. 2021 (ICLR).
CREATE MACRO in_form(form, n_edges, edge_mass, mass) AS
    (CASE form WHEN 'count' THEN n_edges WHEN 'weighted' THEN edge_mass WHEN 'mass' THEN mass
               ELSE error('The form of attention is count, weighted or mass.') END)::DOUBLE
