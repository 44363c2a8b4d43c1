-- title: Precision of predicted contacts, structure by structure
-- topic: Annotation
-- needs: contacts, coordinates
-- answers: In which proteins are the model's contacts right? The most probable pairs of residues with coordinates are
--   held against the structure, by range: short is |i - j| of 6 to 11, medium 12 to 23, long 24 or more. Pairs without
--   coordinates are left out before the best are taken.
-- parameters:
--   atom text ca|cb = cb: C-alpha, or C-beta (of glycine C-alpha), which the contact head was fitted to.
--   structures text one|all = one: Of each sequence the chain with the most residues, or every chain.
--   proteins proteins = all: Ids to list.
-- columns:
--   n_residues: Residues with coordinates: L.
--   range: How far apart along the sequence: short, medium or long.
--   cut: How many of the best pairs are looked at: L, L/2 or L/5, at least 1.
--   n_asked: Pairs to look at: those of the cut, or all there are in the range.
--   n_pairs: Pairs looked at; fewer than asked where not enough of them are stored, and precision is then too high.
--   n_contacts: Of these, contacts: nearer than 8 angstrom.
--   precision: Share of contacts.
--   background: Share of contacts among all pairs of the range with coordinates.
-- grain: accession, source, chain, range, cut
-- source: Rao et al. 2020 for the ranges and cuts.
SELECT accession, p.entry_name, source, chain, p.length, n_residues, range, cut, n_asked, n_pairs, n_contacts,
       round(n_contacts / nullif(n_pairs, 0), 4) AS precision,
       round(n_known_contacts / nullif(n_known, 0), 4) AS background
FROM chain_contacts($atom, $structures, $proteins, 'contact_head') JOIN proteins AS p USING (accession)
ORDER BY accession, source, chain, first, range, divisor, cut
