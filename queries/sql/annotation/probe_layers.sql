-- title: In which layers a linear probe finds a label
-- topic: Annotation
-- needs: fits
-- answers: How well can a label be read off each layer of the model, from attention, from the output of the layer, or
--   from both, on families that the probe was not fitted on? Each row also has the numbers that it must be compared
--   with. A probe finds what can be read off; it does not show that the model uses it.
-- parameters:
--   labels texts of fits.label = all: Types of features, tracks as `track:` and their name, and `contacts`.
--   inputs texts of fits.input = all: What the probe reads.
-- columns:
--   measure: `auprc`, the average precision of all residues together; of a track `r2`.
--   value: The measure, on families that were not fitted on.
--   value_low: Lower end of its 95 % interval, by the jackknife over families; null with fewer than five.
--   value_high: Upper end.
--   is_best: The layer with the largest value of this input. Its value is that of the best of many layers, which is
--     larger than what it would have been for a layer chosen before.
--   letter: The measure of the probe that knows the letter of the residue alone; of contacts the separation alone.
--   window: The measure of the probe that knows the letters from 7 before to 7 after.
--   control: The measure of a control task, in which every trimer draws a label at the rate of its letter; of contacts
--     two letters at a separation, at its rate.
--   selectivity: `value` less `control`.
--   permuted: The measure with the labels permuted within protein and letter, the null; of contacts within protein and
--     separation.
--   precision_l2: Of contacts, P@L/2 of long range: the mean over proteins.
--   random_weights: The measure of the same input and layer of a model before training; null where none was fitted.
-- grain: label, input, layer
-- source: Hewitt and Liang 2019 (EMNLP), control tasks and selectivity; docs/probes.md.
WITH measures AS (
    -- A track is measured by r2, a label by the area under precision and recall.
    SELECT *, CASE WHEN starts_with(label, 'track:') THEN 'r2' ELSE 'auprc' END AS measure,
           CASE WHEN starts_with(label, 'track:') THEN r2 ELSE auprc END::DOUBLE AS value,
           CASE WHEN starts_with(label, 'track:') THEN r2_low ELSE auprc_low END::DOUBLE AS value_low,
           CASE WHEN starts_with(label, 'track:') THEN r2_high ELSE auprc_high END::DOUBLE AS value_high
    FROM fits
),

-- What letters tell of each label, of contacts separations: a model of any weights has the same.
priors AS (
    SELECT label, any_value(value) FILTER (input IN ('letter', 'separation')) AS letter,
           any_value(value) FILTER (input = 'window') AS window_value
    FROM measures
    WHERE weights = 'trained'
    GROUP BY label
),

-- The best of the single layers, the first of equal ones: -1 is none, or all together.
best_layers AS (
    SELECT label, input, layer
    FROM measures
    WHERE weights = 'trained' AND layer >= 0 AND value IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY label, input ORDER BY value DESC, layer) = 1
)

SELECT m.label, m.input, m.layer, m.measure, round(m.value, 4) AS value, round(m.value_low, 4) AS value_low,
       round(m.value_high, 4) AS value_high, b.layer IS NOT NULL AS is_best, round(p.letter, 4) AS letter,
       round(p.window_value, 4) AS "window", round(m.control::DOUBLE, 4) AS control,
       round(m.selectivity::DOUBLE, 4) AS selectivity, round(m.permuted::DOUBLE, 4) AS permuted,
       round(r.value, 4) AS random_weights, round(m.precision_l2::DOUBLE, 4) AS precision_l2,
       round(m.prevalence::DOUBLE, 4) AS prevalence, m.n_labelled, m.n_residues, m.n_sequences, m.n_groups
FROM measures AS m
JOIN priors AS p ON p.label = m.label
LEFT JOIN best_layers AS b ON b.label = m.label AND b.input = m.input AND b.layer = m.layer
LEFT JOIN measures AS r ON r.label = m.label AND r.input = m.input AND r.layer = m.layer AND r.weights = 'random'
WHERE m.weights = 'trained'
      AND ($labels IS NULL OR m.label IN (SELECT unnest($labels::VARCHAR[])))
      AND ($inputs IS NULL OR m.input IN (SELECT unnest($inputs::VARCHAR[])))
ORDER BY m.label, m.input, m.layer
