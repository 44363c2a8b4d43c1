-- title: Where residues of interest rank in the attention
-- topic: Sites
-- answers: Does attention gather on the residues I know, such as an active site? Their rank in the layer of
--   convergence, and the layer in which each ranks best.
-- parameters:
--   protein protein: An id.
--   positions ints 1..: Positions in the sequence of the atlas, from 1; one beyond its end has no residue.
-- columns:
--   is_site: The residue is a high-attention site; null beyond the end.
--   layer: Layer of convergence of the protein, 0-based.
--   received: Attention received in that layer.
--   share: `received` over the largest in that layer of this protein.
--   rank: Rank by attention received in that layer; residues that tie share the better rank.
--   n_residues: Residues of the protein: the last rank there can be.
--   best_layer: Layer in which the residue ranks best, the first such, 0-based.
--   best_rank: Its rank there. The best of many layers is good by chance: see n_residues.
-- example: protein=P07477 positions=57,63,107,200
-- grain: position
-- source: Nayar, Tartici and Altman 2025; the profiles are stored in float16.
WITH given_positions AS (SELECT DISTINCT unnest($positions::INTEGER[]) AS position),

-- What each residue receives in each layer; layers of the list count from 0.
profile AS (
    SELECT position, residue, unnest(received) AS received, unnest(range(len(received)))::SMALLINT AS layer
    FROM residues
    WHERE accession = $protein
),

-- Every residue with its rank in each layer.
ranked AS (
    SELECT position, residue, layer, received, received / max(received) OVER of_layer AS share,
           count(*) OVER of_layer AS n_residues, rank() OVER (of_layer ORDER BY received DESC) AS rank
    FROM profile
    WINDOW of_layer AS (PARTITION BY layer)
),

best_layers AS (
    SELECT position, min(rank) AS rank, arg_min(layer, (rank, layer)) AS layer
    FROM ranked
    GROUP BY position
)

SELECT g.position, r.residue, CASE WHEN r.residue IS NOT NULL THEN s.position IS NOT NULL END AS is_site,
       p.layer, round(r.received, 3) AS received, round(r.share, 3) AS share, r.rank,
       p.length AS n_residues, b.layer AS best_layer, b.rank AS best_rank
FROM given_positions AS g
JOIN proteins AS p ON p.accession = $protein
LEFT JOIN best_layers AS b ON b.position = g.position
LEFT JOIN ranked AS r ON r.position = g.position AND r.layer = p.layer
LEFT JOIN sites AS s ON s.accession = p.accession AND s.position = g.position
ORDER BY g.position
