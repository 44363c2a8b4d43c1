-- title: The links of the residues of variants
-- topic: Annotation
-- needs: variants, links
-- answers: Which heads link the residue of my variant to others, and how strongly? Over the links that the atlas keeps:
--   the strongest of each protein, not all. One row for each value of a variant.
-- parameters:
--   variants texts of variants.name = all: Sets of values, by name.
--   proteins proteins = all: Ids of proteins.
-- columns:
--   name: Name of the set of values.
--   variant: Residue, position and substitute, such as `A123V`.
--   value: The value of the variant.
--   n_links: Links that the residue is an end of, in all heads.
--   n_heads: Heads that these are of.
--   largest_weight: Largest weight of these links; empty without one, and then the four that follow.
--   layer: Layer of that link, 0-based.
--   head: Its head, 0-based.
--   partner: Position of its other end.
--   is_query: The residue of the variant attends to the partner; else it is attended to.
--   n_kept: Links that the atlas keeps of the protein, in all heads.
--   n_edges: All edges of the protein in all heads, those of a residue to itself included.
--   source: File of the value.
-- grain: name, accession, position, substitute, source
-- source: The tables `links` and `heads` of the atlas.
WITH variant_rows AS (
    SELECT v.*
    FROM variants AS v
    WHERE ($variants IS NULL OR v.name IN (SELECT unnest($variants::VARCHAR[])))
          AND ($proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[])))
),

-- All links of the proteins that have variants.
protein_links AS (SELECT * FROM links SEMI JOIN variant_rows USING (accession)),

-- Each link once for each of its ends.
ends AS (
    SELECT accession, layer, head, weight, i AS position, j AS partner, true AS is_query
    FROM protein_links
    UNION ALL
    SELECT accession, layer, head, weight, j AS position, i AS partner, false AS is_query
    FROM protein_links
),

-- Of equal weights the first in the order of layer, head and partner.
at_residues AS (
    SELECT accession, position, count(*) AS n_links, count(DISTINCT (layer, head)) AS n_heads,
           arg_min({'weight': weight, 'layer': layer, 'head': head, 'partner': partner, 'is_query': is_query},
                   (-weight, layer, head, partner, is_query)) AS strongest
    FROM ends
    GROUP BY accession, position
),

link_counts AS (SELECT accession, count(*) AS n_kept FROM protein_links GROUP BY accession),

edges AS (
    SELECT accession, sum(n_edges)::BIGINT AS n_edges
    FROM heads SEMI JOIN variant_rows USING (accession)
    GROUP BY accession
)

SELECT a.name, accession, position, a.substitute, a.residue || position || a.substitute AS variant, a.value,
       coalesce(r.n_links, 0) AS n_links, coalesce(r.n_heads, 0) AS n_heads, r.strongest.weight AS largest_weight,
       r.strongest.layer AS layer, r.strongest.head AS head, r.strongest.partner AS partner,
       r.strongest.is_query AS is_query, coalesce(k.n_kept, 0) AS n_kept, e.n_edges, a.source
FROM variant_rows AS a LEFT JOIN at_residues AS r USING (accession, position)
LEFT JOIN link_counts AS k USING (accession)
LEFT JOIN edges AS e USING (accession)
ORDER BY a.name, accession, position, a.substitute, a.source
