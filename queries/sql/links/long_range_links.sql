-- title: The strongest long-range links of a proteome
-- topic: Links
-- needs: links
-- answers: Which residues far apart along the chain attend most to each other, and which heads do that? Distinct
--   sequences, each under its first accession. Of every protein up to half of the links kept are of long range
--   (`attlas links`), so that counts of links tell what was kept: n_edges has all edges of the head, near and far.
-- parameters:
--   apart int 6.. = 24: Fewest residues that both are apart along the sequence.
--   n int 1.. = 100: Links to list.
--   layers ints = all: Layers to list, from 0.
--   heads ints = all: Heads to list, from 0, in each of these layers.
--   proteins proteins = all: Ids to list.
-- columns:
--   residues: Letters and positions of both, that which attends first.
--   separation: How far apart they are along the sequence.
--   n_links: Links of the head so far apart, over all these proteins; some are weaker than an edge.
--   n_sequences: Distinct sequences with such a link of the head.
--   n_edges: All edges of the head on these proteins, attention of 0.3 or more, near ones included.
-- grain: accession, layer, head, i, j
-- source: Vig et al. 2021 (ICLR) for edges; 24 residues are long range for contacts, as in Rao et al. 2020.
WITH links_apart AS (
    SELECT accession, layer, head, i, j, weight
    FROM links SEMI JOIN computed_sequences($proteins, 1) USING (accession)
    WHERE abs(i - j) >= $apart
          AND ($layers IS NULL OR list_contains($layers::INTEGER[], layer))
          AND ($heads IS NULL OR list_contains($heads::INTEGER[], head))
),

of_heads AS (
    SELECT layer, head, count(*) AS n_links, count(DISTINCT accession) AS n_sequences
    FROM links_apart
    GROUP BY layer, head
),

edges AS (
    SELECT layer, head, sum(n_edges)::BIGINT AS n_edges
    FROM heads SEMI JOIN computed_sequences($proteins, 1) USING (accession)
    GROUP BY layer, head
),

strongest AS (SELECT * FROM links_apart ORDER BY weight DESC, accession, layer, head, i, j LIMIT $n)

SELECT s.accession, p.entry_name, s.layer, s.head, s.i, s.j,
       p.sequence[s.i] || s.i || ' ' || p.sequence[s.j] || s.j AS residues, abs(s.j - s.i) AS separation,
       round(s.weight, 4) AS weight, h.n_links, h.n_sequences, e.n_edges
FROM strongest AS s
JOIN proteins AS p USING (accession)
JOIN of_heads AS h ON h.layer = s.layer AND h.head = s.head
JOIN edges AS e ON e.layer = s.layer AND e.head = s.head
ORDER BY s.weight DESC, s.accession, s.layer, s.head, s.i, s.j
