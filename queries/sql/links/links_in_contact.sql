-- title: Links whose residues are in contact
-- topic: Links
-- needs: links, coordinates
-- answers: Which links join residues that touch in a structure, and which heads make such links? A contact is nearer
--   than 8 angstrom, 6 or more residues apart. Distinct sequences with a structure, each in the chain that shows most
--   of it. Links are a choice of the strongest attention (`attlas links`) and not independent: the share of a head is
--   given with the background and is not tested; `head_contact_precision` tests all edges.
-- parameters:
--   atom text ca|cb = cb: C-alpha, or C-beta (of glycine C-alpha).
--   apart int 6.. = 6: Fewest residues that both are apart along the sequence.
--   layers ints = all: Layers to list, from 0.
--   heads ints = all: Heads to list, from 0, in each of these layers.
--   proteins proteins = all: Ids to list, background included.
--   n int 1.. = 100: Links to list, the strongest.
-- columns:
--   residues: Letters and positions of both residues; the one that attends comes first.
--   separation: How far apart they are along the sequence.
--   distance: Distance between the atoms, angstrom.
--   source: File of the structure.
--   n_links: Links of the head between residues that are as far apart and have coordinates, over all these proteins.
--   n_in_contact: Links among them whose residues are in contact.
--   share: n_in_contact over n_links.
--   background: Share of contacts among all pairs of residues that are as far apart, in the same structures.
--   n_edges: All edges of the head on the proteins with a structure, attention of 0.3 or more, near ones included.
-- grain: accession, layer, head, i, j
-- source: Vig et al. 2021 (ICLR) for contacts of heads; a contact as in Rao et al. 2020.
WITH links_apart AS (
    SELECT *
    FROM links_in_structure($atom, $proteins)
    WHERE abs(i - j) >= $apart
          AND ($layers IS NULL OR list_contains($layers::INTEGER[], layer))
          AND ($heads IS NULL OR list_contains($heads::INTEGER[], head))
),

of_heads AS (
    SELECT layer, head, count(*) AS n_links, count(*) FILTER (is_contact) AS n_in_contact
    FROM links_apart
    GROUP BY layer, head
),

-- Materialised, for pairs are made of them twice; the pairs are not, for they are too many to keep.
places AS MATERIALIZED (FROM structure_places($atom, $proteins)),

-- All pairs of residues far enough apart, as the background.
all_pairs AS (
    SELECT count(*) AS n, count(*) FILTER (is_near(a.x - b.x, a.y - b.y, a.z - b.z)) AS n_in_contact
    FROM places AS a JOIN places AS b ON b.accession = a.accession AND b.position >= a.position + $apart
),

edges AS (
    SELECT layer, head, sum(n_edges)::BIGINT AS n_edges
    FROM heads SEMI JOIN places USING (accession)
    GROUP BY layer, head
),

strongest AS (
    SELECT * FROM links_apart WHERE is_contact ORDER BY weight DESC, accession, layer, head, i, j LIMIT $n
)

SELECT s.accession, p.entry_name, s.layer, s.head, s.i, s.j,
       p.sequence[s.i] || s.i || ' ' || p.sequence[s.j] || s.j AS residues, abs(s.j - s.i) AS separation,
       round(s.weight, 4) AS weight, round(s.distance, 2) AS distance, s.source, s.chain, h.n_links, h.n_in_contact,
       round(h.n_in_contact / h.n_links, 4) AS share, round(a.n_in_contact / a.n, 4) AS background, e.n_edges
FROM strongest AS s
JOIN proteins AS p USING (accession)
JOIN of_heads AS h ON h.layer = s.layer AND h.head = s.head
JOIN edges AS e ON e.layer = s.layer AND e.head = s.head
CROSS JOIN all_pairs AS a
ORDER BY s.weight DESC, s.accession, s.layer, s.head, s.i, s.j
