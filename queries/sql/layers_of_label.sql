-- title: In which layers heads attend to residues with a label
-- topic: Annotation
-- needs: labels, head_features
-- answers: Do early or late layers attend to binding sites, active sites or an amino acid? Each label over the proteins
--   that carry it, as in `head_labels`; every reported head counts the same.
-- parameters:
--   labels texts = all: Labels of the probe.
--   form text count|weighted|mass = count: Edges, the attention of these edges, or all attention without a threshold.
--   proteins proteins = all: Ids to count over, background included.
--   min_edges int 0.. = 100: Fewest edges, over all these proteins, of a head that is reported.
-- columns:
--   n_heads: Heads of the layer that are reported.
--   mean_p: Mean of p over them, unweighted.
--   best_p: Largest p of them.
--   background: Share of the residues of the proteins with the label that carry it.
--   ratio: Mean of p over the background.
--   centre: Centre of gravity of the label over all layers: sum of layer times mean of p over the sum of these means.
-- grain: label, layer
-- source: Vig et al. 2021 (ICLR).
WITH chosen AS (
    SELECT label, min(accession) AS accession
    FROM labels
    WHERE ($labels IS NULL OR label IN (SELECT unnest($labels::VARCHAR[]))) AND label <> 'residue'
          AND ($proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[])))
    GROUP BY label, sequence_id
),
backgrounds AS (
    SELECT label, sum(n_labelled) / sum(length) AS background
    FROM chosen JOIN labels USING (label, accession)
    GROUP BY label
),
labelled AS (
    SELECT label, layer, head,
           sum(CASE $form WHEN 'count' THEN n_edges WHEN 'weighted' THEN edge_mass ELSE mass END)::DOUBLE AS k
    FROM head_features SEMI JOIN chosen USING (label, accession)
    GROUP BY label, layer, head
),
wholes AS (
    SELECT c.label, layer, head, sum(n_edges) AS n_edges,
           sum(CASE $form WHEN 'count' THEN n_edges WHEN 'weighted' THEN edge_mass ELSE mass END)::DOUBLE AS n
    FROM head_features AS e JOIN chosen AS c USING (accession)
    WHERE e.label = 'residue'
    GROUP BY c.label, layer, head
),
layers AS (
    SELECT label, layer, count(*) AS n_heads, avg(k / n) AS mean_p, max(k / n) AS best_p,
           any_value(background) AS background
    FROM labelled JOIN wholes USING (label, layer, head) JOIN backgrounds USING (label)
    WHERE n_edges >= $min_edges AND n > 0
    GROUP BY label, layer
)
SELECT label, layer, n_heads, round(mean_p, 4) AS mean_p, round(best_p, 4) AS best_p,
       round(background, 4) AS background, round(layers.mean_p / background, 2) AS ratio,
       round(sum(layer * layers.mean_p) OVER of_label / nullif(sum(layers.mean_p) OVER of_label, 0), 2) AS centre
FROM layers
WINDOW of_label AS (PARTITION BY label)
ORDER BY label, layer
