-- title: A protein layer by layer
-- topic: Layers
-- answers: How does attention gather on residues from layer to layer of one protein, and on which residue most?
-- parameters:
--   protein protein: An id.
-- columns:
--   layer: Layer, 0-based.
--   is_convergence: It is the layer of convergence.
--   top_position: Position of the residue that receives most; the first among equals.
--   top_residue: Its letter.
--   received: Attention it receives.
--   share: What it receives over what all residues receive.
--   effective_residues: Residues that attention is spread over: exp of the entropy of the profile; 1 is one residue.
-- example: protein=P07550
-- grain: layer
-- source: Nayar, Tartici and Altman 2025 for the profile, stored in float16; Hill number of order 1 for the spread.
WITH profile AS (
    SELECT position, residue, unnest(received)::DOUBLE AS received, unnest(range(len(received)))::SMALLINT AS layer
    FROM residues
    WHERE accession = $protein
),

shares AS (SELECT *, received / sum(received) OVER (PARTITION BY layer) AS share FROM profile),

-- The effective number of residues is the exponential of the entropy of their shares.
by_layer AS (
    SELECT layer, arg_min({'position': position, 'residue': residue}, (-received, position)) AS top,
           max(received) AS received, max(share) AS share,
           exp(-sum(CASE WHEN share > 0 THEN share * ln(share) ELSE 0 END)) AS effective_residues
    FROM shares
    GROUP BY layer
)

SELECT b.layer, b.layer IS NOT DISTINCT FROM p.layer AS is_convergence, b.top.position AS top_position,
       b.top.residue AS top_residue, round(b.received, 3) AS received, round(b.share, 4) AS share,
       round(b.effective_residues, 1) AS effective_residues
FROM by_layer AS b JOIN proteins AS p ON p.accession = $protein
ORDER BY b.layer
