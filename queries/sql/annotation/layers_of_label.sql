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
--   proteins_low: Lower end of the interval of the mean of p with proteins as the independent units, at the level
--     `confidence`: the mean less the reach of what it is beyond the shuffled, by a jackknife over proteins and
--     Student's t. It leaves out the shuffled if and only if proteins_log10_p is below -1.3.
--   proteins_high: Upper end.
--   proteins_t: Student's t of the mean of p less the shuffled, by the same error.
--   proteins_log10_p: Logarithm to base 10 of its two-sided p value times the number of layers of the label
--     (Bonferroni), 0 at most.
--   confidence: Level of the interval: 1 - 0.05 / number of layers of the label, so that all hold at once with 95 %.
--   note: Why a row has no interval and no p value; empty if it has them.
--   centre: Centre of gravity of the label over all layers: sum of layer times mean of p over the sum of these means.
--   centre_low: Lower end of its 95 % interval, by a jackknife over proteins and Student's t. It is not tested.
--   centre_high: Upper end.
--   centre_shuffled: The centre of the shuffled: that of the layers that have reported heads.
-- grain: label, layer
-- source: Vig et al. 2021 (ICLR); intervals and test: jackknife over proteins (Tukey 1958; Cochran 1977, 6.15) with
--   Student's t.
WITH heads_reported AS (
    -- Heads with enough edges to be judged.
    SELECT *, k / n AS p, count(*) OVER (PARTITION BY label, layer) AS n_heads
    FROM label_heads($labels, $proteins, $form)
    WHERE label <> 'residue' AND n_edges >= $min_edges AND n > 0
),

-- Mean and best head of each layer.
layers AS (
    SELECT label, layer, any_value(n_proteins) AS n_proteins, any_value(n_labelled / n_residues) AS background,
           count(*) AS n_heads, sum(n_edges)::BIGINT AS n_edges, avg(p) AS mean_p, max(p) AS best_p,
           avg(shuffled) AS shuffled
    FROM heads_reported
    GROUP BY label, layer
),

-- The centre of gravity of the layers, weighted by their mean p, and the same of the shuffled.
centres AS (
    SELECT label, count(*) AS n_layers, sum(mean_p) AS total, sum(layer * mean_p) / nullif(total, 0) AS centre,
           sum(layer * shuffled) / nullif(sum(shuffled), 0) AS centre_shuffled
    FROM layers
    GROUP BY label
),

-- How much each protein counts in a layer, and by how much the mean over heads changes without it: that of p beyond
-- the shuffled, which is tested, and that of p itself, which the centre is made of. Heads of a layer look at the same
-- residues, so their deviations by chance add up as if they were one.
of_proteins AS (
    SELECT e.label, e.accession, e.layer, sum(e.n / h.n) / any_value(h.n_heads) AS weight,
           sum(change_without(e.k - e.shuffled, e.n, h.k - h.shuffled * h.n, h.n)) / any_value(h.n_heads) AS change,
           sum(change_without(e.k, e.n, h.k, h.n)) / any_value(h.n_heads) AS change_of_p,
           sum(sqrt(e.by_chance) / h.n) / any_value(h.n_heads) AS sd_by_chance
    FROM label_edges($labels, $proteins, $form) AS e JOIN heads_reported AS h USING (label, layer, head)
    GROUP BY e.label, e.accession, e.layer
),

-- Error of the mean of a layer, over proteins.
errors AS (
    SELECT label, layer, count(*) FILTER (weight > 0) AS n_counted,
           error_over_proteins(count(*) FILTER (weight > 0), sum(change ^ 2), sum(sd_by_chance ^ 2)) AS error,
           effective_df(count(*) FILTER (weight > 0), sum(weight), sum(weight ^ 2)) AS df
    FROM of_proteins
    GROUP BY label, layer
),

-- The centre moves by what each of its layers changes, to first order.
shifts AS (
    SELECT label, accession, sum(weight) AS weight,
           sum((layer - centre) * change_of_p) / nullif(any_value(total), 0) AS shift
    FROM of_proteins JOIN centres USING (label)
    GROUP BY label, accession
),

-- Error of the centre, from how far it shifts without each protein.
centre_errors AS (
    SELECT label, error_over_proteins(count(*) FILTER (weight > 0), sum(shift ^ 2), 0) AS centre_error,
           effective_df(count(*) FILTER (weight > 0), sum(weight), sum(weight ^ 2)) AS centre_df
    FROM shifts
    GROUP BY label
),

tests AS (
    SELECT *, ratio_test(mean_p - shuffled, error, df, n_layers) AS test,
           centre_error * student_t_quantile(tail_chance(1), centre_df) AS centre_reach
    FROM layers JOIN centres USING (label) JOIN errors USING (label, layer) JOIN centre_errors USING (label)
)

SELECT label, layer, n_proteins, n_heads, n_edges, round(mean_p, 4) AS mean_p, round(best_p, 4) AS best_p,
       round(background, 4) AS background, round(tests.mean_p / tests.background, 2) AS ratio,
       round(shuffled, 4) AS shuffled, round(clamped(tests.mean_p - test.reach, 0, 1), 4) AS proteins_low,
       round(clamped(tests.mean_p + test.reach, 0, 1), 4) AS proteins_high, round(test.t, 2) + 0 AS proteins_t,
       round(test.log10_p, 2) + 0 AS proteins_log10_p, round(test.confidence, 6) AS confidence,
       why_untested(n_counted, df, error) AS note, round(centre, 2) AS centre,
       round(clamped(tests.centre - centre_reach, 0, tests.centre), 2) AS centre_low,
       round(tests.centre + centre_reach, 2) AS centre_high, round(centre_shuffled, 2) AS centre_shuffled
FROM tests
ORDER BY label, layer
