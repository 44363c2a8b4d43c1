-- title: Links between two kinds of features
-- topic: Links
-- needs: links, features
-- answers: Which heads link residues of one kind to residues of another, such as binding sites to active sites? In
--   either direction, protein by protein; of a sequence under several accessions the first that has both kinds counts.
--   Links are a choice of the strongest attention (`attlas links`), and those of a protein are not independent: a list
--   to look at, no test.
-- parameters:
--   types texts of features.type = Binding site: Types of feature of one end.
--   other_types texts of features.type = Active site: Types of feature of the other end; the same as `types` for links
--     within one kind.
--   apart int 1.. = 1: Fewest residues that both ends are apart along the sequence.
--   proteins proteins = all: Ids to list.
-- columns:
--   n_labelled: Residues of the one kind.
--   n_other: Residues of the other kind.
--   n_between: Links of the head with one end in each kind.
--   expected: How many it would have there if its links joined any residues so far apart.
--   strongest: Attention of the strongest of them.
--   linked: These, the strongest at the front, ten at most: residue that attends, residue attended to, attention.
--   n_links: Links of the head on this protein, so far apart; some are weaker than an edge.
--   n_edges: All its edges on this protein, attention of 0.3 or more, those of a residue to itself included.
-- grain: accession, layer, head
-- source: Vig et al. 2021 (ICLR) for heads against features.
WITH one_end AS (
    -- Residues with a feature of the first types; `other_end` has those of the others.
    SELECT DISTINCT accession, unnest(feature_positions(type, f.begin, f.end)) AS position
    FROM features AS f
    WHERE type IN (SELECT unnest($types::VARCHAR[]))
),

-- Residues of the other types of features.
other_end AS (
    SELECT DISTINCT accession, unnest(feature_positions(type, f.begin, f.end)) AS position
    FROM features AS f
    WHERE type IN (SELECT unnest($other_types::VARCHAR[]))
),

-- A sequence under several accessions counts once, as the first that has both.
proteins_counted AS (
    SELECT min(accession) AS accession, any_value(length) AS length
    FROM proteins SEMI JOIN one_end USING (accession) SEMI JOIN other_end USING (accession)
    WHERE status = 'ok' AND ($proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[])))
    GROUP BY sequence_id
),

-- Each pair of residues once, whichever of them is of which kind: a residue may be of both.
pairs AS (
    SELECT DISTINCT accession, least(a.position, b.position) AS low, greatest(a.position, b.position) AS high
    FROM proteins_counted JOIN one_end AS a USING (accession) JOIN other_end AS b USING (accession)
    WHERE abs(a.position - b.position) >= $apart
),

-- Ordered pairs of N residues, d or more apart, are (N - d) (N - d + 1).
shares AS (
    SELECT accession, 2 * count(*) / ((any_value(length) - $apart) * (any_value(length) - $apart + 1)) AS share
    FROM pairs JOIN proteins_counted USING (accession)
    GROUP BY accession
),

-- Links of these proteins, with whether they join such a pair.
links_apart AS (
    SELECT l.*, pairs.low IS NOT NULL AS is_between
    FROM links AS l SEMI JOIN shares USING (accession)
    LEFT JOIN pairs ON pairs.accession = l.accession AND low = least(l.i, l.j) AND high = greatest(l.i, l.j)
    WHERE abs(l.i - l.j) >= $apart
),

of_heads AS (
    SELECT l.accession, l.layer, l.head, count(*) AS n_links, count(*) FILTER (is_between) AS n_between,
           max(weight) FILTER (is_between) AS strongest,
           list(sequence[i] || i || ' ' || sequence[j] || j || ' ' || round(weight, 3) ORDER BY weight DESC, i, j)
               FILTER (is_between) AS linked
    FROM links_apart AS l JOIN proteins USING (accession)
    GROUP BY l.accession, l.layer, l.head
    HAVING n_between > 0
)

SELECT h.accession, p.entry_name, h.layer, h.head, one.n AS n_labelled, other.n AS n_other, n_between,
       round(n_links * share, 3) AS expected, round(strongest, 4) AS strongest,
       array_to_string(h.linked[:10], ', ') AS linked, h.n_links, e.n_edges
FROM of_heads AS h
JOIN proteins AS p USING (accession)
JOIN shares USING (accession)
JOIN (SELECT accession, count(*) AS n FROM one_end GROUP BY accession) AS one USING (accession)
JOIN (SELECT accession, count(*) AS n FROM other_end GROUP BY accession) AS other USING (accession)
JOIN heads AS e ON e.accession = h.accession AND e.layer = h.layer AND e.head = h.head
ORDER BY n_between DESC, h.strongest DESC, h.accession, h.layer, h.head
