-- title: In which layers heads attend to residues with a label
-- topic: Annotation
-- needs: labels, head_features
-- answers: Do early or late layers attend to binding sites, active sites or an amino acid? Each label over the proteins
--   that carry it, as in `head_labels`; every reported head counts the same.
-- parameters:
--   labels texts of labels.label = all: Labels of the probe.
--   form text count|weighted|mass = count: Edges, the attention of these edges, or all attention without a threshold.
--   proteins proteins = all: Ids to count over, background included.
--   min_edges int 0.. = 100: Fewest edges, over all these proteins, of a head that is reported.
-- columns:
--   n_proteins: Proteins that carry the label, one for each sequence.
--   n_heads: Heads of the layer that are reported.
--   n_edges: Their edges.
--   mean_p: Mean of p over them, unweighted.
--   best_p: Largest p of them.
--   background: Share of the residues of the proteins with the label that carry it.
--   ratio: Mean of p over the background.
--   shuffled: What the mean of p is if the attention of each residue is shuffled over the residues of its protein.
--   proteins_low: Lower end of the interval of the mean of p with whole proteins as what is independent, of 95 % over
--     all layers of the label at once (Bonferroni), by Student's t. Empty for one protein.
--   proteins_high: Upper end.
--   proteins_t: Student's t of what the residues with the label of a protein get beyond the shuffled, mean over
--     proteins over its standard error; a protein's heads are averaged first. Empty where all proteins agree.
--   proteins_log10_p: Logarithm to base 10 of its two-sided p value times the number of layers of the label
--     (Bonferroni), 0 at most.
--   centre: Centre of gravity of the label over all layers: sum of layer times mean of p over the sum of these means.
--   centre_low: Lower end of its 95 % interval with whole proteins as what is independent, by Student's t.
--   centre_high: Upper end.
--   centre_shuffled: What it is of the shuffled: the centre of the layers that have reported heads.
-- grain: label, layer
-- source: Vig et al. 2021 (ICLR); intervals over proteins: linearised, Cochran 1977, 6.4, with Student's t.
WITH chosen AS (
    SELECT label, min(accession) AS accession
    FROM labels
    WHERE ($labels IS NULL OR label IN (SELECT unnest($labels::VARCHAR[]))) AND label <> 'residue'
          AND ($proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[])))
    GROUP BY label, sequence_id
),
carriers AS (
    SELECT label, accession, n_labelled, length, n_labelled / length AS share
    FROM chosen JOIN labels USING (label, accession)
),
backgrounds AS (
    SELECT label, count(*) AS n_proteins, sum(n_labelled) / sum(length) AS background FROM carriers GROUP BY label
),
labelled AS (
    SELECT label, layer, head,
           sum(in_form($form, n_edges, edge_mass, mass)) AS k
    FROM head_features SEMI JOIN chosen USING (label, accession)
    GROUP BY label, layer, head
),
wholes AS (
    SELECT c.label, layer, head, sum(n_edges) AS n_edges, sum(w * share) AS expected, sum(w) AS n
    FROM (
        SELECT accession, layer, head, n_edges,
               in_form($form, n_edges, edge_mass, mass) AS w
        FROM head_features
        WHERE label = 'residue'
    ) JOIN carriers AS c USING (accession)
    GROUP BY c.label, layer, head
),
heads_reported AS (
    SELECT label, layer, head, n_edges, n, k / n AS p, expected / n AS shuffled,
           count(*) OVER (PARTITION BY label, layer) AS n_heads
    FROM labelled JOIN wholes USING (label, layer, head)
    WHERE n_edges >= $min_edges AND n > 0
),
layers AS (
    SELECT label, layer, count(*) AS n_heads, sum(n_edges)::BIGINT AS n_edges, avg(p) AS mean_p, max(p) AS best_p,
           avg(shuffled) AS shuffled
    FROM heads_reported
    GROUP BY label, layer
),
centres AS (
    SELECT label, count(*) AS n_layers, sum(mean_p) AS total, sum(layer * mean_p) / nullif(total, 0) AS centre,
           sum(layer * shuffled) / nullif(sum(shuffled), 0) AS centre_shuffled
    FROM layers
    GROUP BY label
),
of_proteins AS (
    SELECT f.label, f.accession, f.layer, sum((k - h.p * w) / (h.n * h.n_heads)) AS apart,
           sum((k - n_labelled / length * w) / (h.n * h.n_heads)) AS beyond
    FROM (
        SELECT f.label, f.accession, f.layer, f.head, l.n_labelled, l.length,
               in_form($form, f.n_edges, f.edge_mass, f.mass) AS k,
               in_form($form, e.n_edges, e.edge_mass, e.mass) AS w
        FROM chosen AS c
        JOIN labels AS l ON l.accession = c.accession AND l.label = c.label
        JOIN head_features AS f ON f.accession = c.accession AND f.label = c.label
        JOIN head_features AS e
        ON e.accession = c.accession AND e.label = 'residue' AND e.layer = f.layer AND e.head = f.head
    ) AS f
    JOIN heads_reported AS h ON h.label = f.label AND h.layer = f.layer AND h.head = f.head
    GROUP BY f.label, f.accession, f.layer
),
spreads AS (
    SELECT label, layer, sum(apart ^ 2) AS uu, sum(beyond) AS d, sum(beyond ^ 2) AS dd
    FROM of_proteins
    GROUP BY label, layer
),
shifts AS (
    SELECT label, sum(shift ^ 2) AS ww
    FROM (
        SELECT label, accession, sum((layer - centre) * apart) / nullif(any_value(total), 0) AS shift
        FROM of_proteins JOIN centres USING (label)
        GROUP BY label, accession
    )
    GROUP BY label
),
tested AS (
    SELECT *, n_proteins - 1 AS df, one_sample_t(n_proteins, d, dd) AS t,
           sqrt(n_proteins / nullif(df, 0) * uu) * student_t_quantile(0.025 / n_layers, nullif(df, 0)) AS reach,
           sqrt(n_proteins / nullif(df, 0) * ww) * student_t_quantile(0.025, nullif(df, 0)) AS centre_reach
    FROM layers JOIN centres USING (label) JOIN backgrounds USING (label) JOIN spreads USING (label, layer)
    JOIN shifts USING (label)
)
SELECT label, layer, n_proteins, n_heads, n_edges, round(mean_p, 4) AS mean_p, round(best_p, 4) AS best_p,
       round(background, 4) AS background, round(tested.mean_p / background, 2) AS ratio,
       round(shuffled, 4) AS shuffled,
       round(clamped(tested.mean_p - reach, 0, 1), 4) AS proteins_low,
       round(clamped(tested.mean_p + reach, 0, 1), 4) AS proteins_high,
       round(t, 2) + 0 AS proteins_t,
       round(bonferroni(student_t_log10_tail(t, df), n_layers), 2) + 0 AS proteins_log10_p,
       round(centre, 2) AS centre,
       round(clamped(tested.centre - centre_reach, 0, tested.centre), 2) AS centre_low,
       round(tested.centre + centre_reach, 2) AS centre_high, round(centre_shuffled, 2) AS centre_shuffled
FROM tested
ORDER BY label, layer
