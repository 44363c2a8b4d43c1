-- title: Variants beside the attention that their residues receive
-- topic: Annotation
-- needs: variants
-- answers: Is the residue of my variant a site, or near one, and how much attention does it receive in the layer of
--   convergence? One row for each value of a variant, beside the value itself.
-- parameters:
--   variants texts of variants.name = all: Sets of values, by name.
--   proteins proteins = all: Ids of proteins.
-- columns:
--   name: Name of the set of values.
--   variant: Residue, position and substitute, such as `A123V`.
--   value: The value of the variant.
--   layer: Layer of convergence of the protein, 0-based; empty where the protein has none, and then all that follows.
--   received: Attention that the residue receives in that layer.
--   share: `received` over the largest in that layer of this protein.
--   rank: Rank of the residue by attention received in that layer; residues that tie share the better rank.
--   n_residues: Residues of the protein: the last rank there can be.
--   is_site: The residue is a high-attention site.
--   nearest_site: Position of the nearest site along the sequence, of two as near that of better rank.
--   distance: Residues from there; 0 at a site itself.
--   source: File of the value.
-- grain: name, accession, position, substitute, source
-- source: Nayar, Tartici and Altman 2025 for sites and ranks; the profiles are stored in float16.
WITH variant_rows AS (
    SELECT v.*, p.layer, p.length
    FROM variants AS v JOIN proteins AS p USING (accession)
    WHERE ($variants IS NULL OR v.name IN (SELECT unnest($variants::VARCHAR[])))
          AND ($proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[])))
),

searched AS (SELECT DISTINCT accession, layer FROM variant_rows WHERE layer IS NOT NULL),

-- Ranks are among all residues of the protein, those without a variant included.
profiles AS (
    SELECT accession, position, at_layer(r.received, s.layer) AS received
    FROM residues AS r JOIN searched AS s USING (accession)
),

-- Every residue with its rank and share in the layer of convergence.
ranked AS (
    SELECT accession, position, received, received / max(received) OVER protein AS share,
           rank() OVER (protein ORDER BY received DESC) AS rank
    FROM profiles
    WINDOW protein AS (PARTITION BY accession)
),

-- The nearest site to each variant, or of two as near the one of better rank.
nearest AS (
    SELECT a.accession, a.position, arg_min(s.position, (abs(s.position - a.position), s.rank)) AS site,
           min(abs(s.position - a.position)) AS distance
    FROM (SELECT DISTINCT accession, position FROM variant_rows) AS a JOIN sites AS s USING (accession)
    GROUP BY a.accession, a.position
)

SELECT a.name, accession, position, a.substitute, a.residue || position || a.substitute AS variant, a.value, a.layer,
       round(r.received, 3) AS received, round(r.share, 3) AS share, r.rank,
       CASE WHEN r.rank IS NOT NULL THEN a.length END AS n_residues,
       CASE WHEN r.rank IS NOT NULL THEN coalesce(n.distance = 0, false) END AS is_site,
       n.site AS nearest_site, n.distance, a.source
FROM variant_rows AS a LEFT JOIN ranked AS r USING (accession, position)
LEFT JOIN nearest AS n USING (accession, position)
ORDER BY a.name, accession, position, a.substitute, a.source
