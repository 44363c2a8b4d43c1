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
--     all layers of the label at once (Bonferroni), by Student's t. Empty for one protein, and where all agree.
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
WITH heads_reported AS (
    SELECT *, k / n AS p, count(*) OVER (PARTITION BY label, layer) AS n_heads
    FROM label_heads($labels, $proteins, $form)
    WHERE label <> 'residue' AND n_edges >= $min_edges AND n > 0
),
layers AS (
    SELECT label, layer, any_value(n_proteins) AS n_proteins, any_value(n_labelled / n_residues) AS background,
           count(*) AS n_heads, sum(n_edges)::BIGINT AS n_edges, avg(p) AS mean_p, max(p) AS best_p,
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
    SELECT e.label, e.accession, e.layer, sum((e.k - h.p * e.n) / (h.n * h.n_heads)) AS apart,
           sum((e.k - e.n_labelled / e.length * e.n) / (h.n * h.n_heads)) AS beyond
    FROM label_edges($labels, $proteins, $form) AS e
    JOIN heads_reported AS h ON h.label = e.label AND h.layer = e.layer AND h.head = e.head
    GROUP BY e.label, e.accession, e.layer
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
           sqrt(n_proteins / nullif(df, 0) * nullif(uu, 0)) * student_t_quantile(0.025 / n_layers, df) AS reach,
           sqrt(n_proteins / nullif(df, 0) * nullif(ww, 0)) * student_t_quantile(0.025, df) AS centre_reach
    FROM layers JOIN centres USING (label) JOIN spreads USING (label, layer)
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
