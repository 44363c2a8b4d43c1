-- title: The links of some proteins
-- topic: Links
-- needs: links
-- answers: Which residues attend most to which, and in which heads? Links are the strongest weights of a residue to
--   another, a choice for each protein (`attlas links`): of a head with many edges few may be kept, and n_links of
--   n_edges says how many. A residue that many attend to has five links at most in a head.
-- parameters:
--   proteins proteins: Ids of proteins.
--   layers ints = all: Layers to list, from 0.
--   heads ints = all: Heads to list, from 0, in each of these layers.
--   positions ints 1.. = all: Residues at which a link begins or ends, by position from 1.
--   min_attention float 0..1 = 0: Attention from which on a link is listed.
-- columns:
--   residues: Letters and positions of both, that which attends first.
--   separation: How far apart they are along the sequence.
--   n_links: Links of the head on this protein, listed or not; some are weaker than an edge.
--   n_edges: Its edges on this protein, attention of 0.3 or more: all of them, those of a residue to itself included.
-- example: protein=P68871 layer=5 head=11
-- grain: accession, layer, head, i, j
-- source: the rule of the choice is in docs/science.md; Vig et al. 2021 (ICLR) for edges.
WITH of_proteins AS (
    SELECT *, count(*) OVER (PARTITION BY accession, layer, head) AS n_links
    FROM links
    WHERE accession IN (SELECT unnest($proteins::VARCHAR[]))
)

SELECT l.accession, l.layer, l.head, l.i, l.j, p.sequence[l.i] || l.i || ' ' || p.sequence[l.j] || l.j AS residues,
       abs(l.j - l.i) AS separation, round(l.weight, 4) AS weight, l.n_links, h.n_edges
FROM of_proteins AS l
JOIN proteins AS p ON p.accession = l.accession
JOIN heads AS h ON h.accession = l.accession AND h.layer = l.layer AND h.head = l.head
WHERE l.weight >= $min_attention
      AND ($layers IS NULL OR list_contains($layers::INTEGER[], l.layer))
      AND ($heads IS NULL OR list_contains($heads::INTEGER[], l.head))
      AND ($positions IS NULL OR list_contains($positions::INTEGER[], l.i)
           OR list_contains($positions::INTEGER[], l.j))
ORDER BY l.accession, l.weight DESC, l.layer, l.head, l.i, l.j
