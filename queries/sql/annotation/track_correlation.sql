-- title: How a track goes along with attention received, layer by layer
-- topic: Annotation
-- needs: tracks
-- answers: Do residues of a high value receive much attention, and is it more than their letters and their places in
--   the sequence would give? Spearman's correlation over the residues of a protein that have a value, then the mean
--   over proteins, each sequence once, under the first accession with the track. Where several files give a residue a
--   value, it is their mean. The baselines by letter and by place are those of the other proteins counted: fitted on
--   the residues they are compared with, they would go along with a track by chance. One protein alone has none.
-- parameters:
--   tracks texts of tracks.name = all: Tracks.
--   proteins proteins = all: Ids to count over.
--   min_residues int 3.. = 10: Fewest residues with a value, of a protein that is counted.
-- columns:
--   name: Name of the track.
--   n_proteins: Proteins counted: those where the values and what the residues receive both vary.
--   n_residues: Their residues with a value.
--   correlation: Mean over proteins of the rank correlation of the track with attention received.
--   low: Lower end of its interval with proteins as the independent units, at the level `confidence`, by Student's t.
--     It leaves out 0 if and only if log10_p is below -1.3.
--   high: Upper end.
--   log10_p: Logarithm to base 10 of the two-sided p value of the correlation times the number of layers of the track
--     (Bonferroni), 0 at most.
--   by_letter: The same mean, of the track with what the letter of a residue receives on average: the mean rank of its
--     letter over the residues of all other proteins counted. What the letters alone give; about 0 where they give
--     nothing. Residues whose letter no other protein has are left out. Empty where one protein alone is counted, as
--     are the other baselines.
--   by_place: The same of the place: the mean rank, over all other proteins, of residues as far from the same end, in
--     doublings (1, 2-3, 4-7, and so on).
--   beyond_letter: Correlation of the track with the rank less the mean rank of its letter: what is left of it.
--   beyond_both: Correlation with what is left when the means of letters, then those of places are taken away; both
--     are fitted on the other proteins.
--   beyond_low: Lower end of the interval of beyond_both, by the same construction as `low`.
--   beyond_high: Upper end.
--   confidence: Level of the intervals: 1 - 0.05 / number of layers of the track, so that all hold at once with 95 %.
--   note: Why there is no interval and no p value, of the correlation or of beyond_both, or no baseline, where there is
--     none.
-- grain: name, layer
-- source: Spearman 1904; ties have their mean rank. The baselines are semipartial correlations on ranks; the interval
--   and the test over proteins are Student's t, and take proteins as independent. Homologues are not: with many of one
--   family the intervals are too narrow, and a baseline fitted on homologues knows the protein itself.
WITH carriers AS (
    SELECT name, min(accession) AS accession, any_value(length) AS length
    FROM tracks JOIN proteins AS p USING (accession)
    WHERE p.status = 'ok'
          AND ($tracks IS NULL OR name IN (SELECT unnest($tracks::VARCHAR[])))
          AND ($proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[])))
    GROUP BY name, p.sequence_id
),

measured AS (
    SELECT name, accession, position, any_value(residue) AS residue, avg(value) AS value,
           any_value(length) AS length
    FROM tracks JOIN carriers USING (name, accession)
    GROUP BY name, accession, position
),

counted AS (
    SELECT name, accession, count(*) AS n
    FROM measured
    GROUP BY name, accession
    HAVING count(*) >= $min_residues AND min(value) < max(value)
),

-- Ranks from the lowest, ties with their mean rank, over the number of residues: alike in proteins of every length.
-- A place is the end that is nearer, by its sign, and the distance to it in doublings.
track_ranks AS (
    SELECT name, accession, position, residue, n,
           (rank() OVER protein + count(*) OVER protein - 1) / (2 * n) AS value,
           CASE WHEN 2 * position <= length + 1 THEN 1 ELSE -1 END
           * (1 + floor(log2(least(position, length + 1 - position))))::INTEGER AS place
    FROM measured JOIN counted USING (name, accession)
    WINDOW protein AS (PARTITION BY name, accession ORDER BY measured.value)
),

-- A profile that does not vary has no ranks, and is no part of any baseline.
ranked AS (
    SELECT t.name, t.accession, p.layer, t.residue, t.place, t.value,
           CASE WHEN min(p.received) OVER whole < max(p.received) OVER whole
                THEN (rank() OVER protein + count(*) OVER protein - 1) / (2 * t.n) END AS received
    FROM track_ranks AS t JOIN profile() AS p USING (accession, position)
    WINDOW whole AS (PARTITION BY t.name, t.accession, p.layer),
           protein AS (PARTITION BY t.name, t.accession, p.layer ORDER BY p.received)
),

-- Residues of a letter at a place: of each protein, and of all.
protein_cells AS (
    SELECT name, layer, accession, residue, place, count(*) AS n, sum(received) AS total
    FROM ranked
    WHERE received IS NOT NULL
    GROUP BY name, layer, accession, residue, place
),

all_cells AS (
    SELECT name, layer, residue, place, sum(n) AS n, sum(total) AS total
    FROM protein_cells
    GROUP BY name, layer, residue, place
),

-- For each protein, the residues of all others: what its baselines are fitted on.
other_cells AS (
    SELECT p.name, p.layer, p.accession, c.residue, c.place, c.n - coalesce(o.n, 0) AS n,
           c.total - coalesce(o.total, 0) AS total
    FROM (SELECT DISTINCT name, layer, accession FROM protein_cells) AS p JOIN all_cells AS c USING (name, layer)
    LEFT JOIN protein_cells AS o USING (name, layer, accession, residue, place)
    WHERE c.n > coalesce(o.n, 0)
),

letter_means AS (
    SELECT name, layer, accession, residue, sum(total) / sum(n) AS letter_mean
    FROM other_cells
    GROUP BY name, layer, accession, residue
),

-- The mean of a place itself, and of what is left there once the letters are taken away.
place_means AS (
    SELECT name, layer, accession, place, sum(total) / sum(n) AS place_mean,
           sum(total - n * letter_mean) / sum(n) AS left_mean
    FROM other_cells JOIN letter_means USING (name, layer, accession, residue)
    GROUP BY name, layer, accession, place
),

of_proteins AS (
    SELECT name, layer, accession, count(*) AS n,
           correlation(value, received) AS r,
           correlation(value, letter_mean) AS r_letter,
           correlation(value, place_mean) AS r_place,
           correlation(value, received - letter_mean) AS r_beyond_letter,
           correlation(value, received - letter_mean - left_mean) AS r_beyond
    FROM ranked LEFT JOIN letter_means USING (name, layer, accession, residue)
    LEFT JOIN place_means USING (name, layer, accession, place)
    GROUP BY name, layer, accession
),

pooled AS (
    SELECT name, layer, count(r) AS n_proteins, coalesce(sum(n) FILTER (r IS NOT NULL), 0)::BIGINT AS n_residues,
           avg(r) AS r, avg(r_letter) AS r_letter, avg(r_place) AS r_place, avg(r_beyond_letter) AS r_beyond_letter,
           avg(r_beyond) AS r_beyond, mean_error(r) AS error, mean_error(r_beyond) AS beyond_error,
           count(r_beyond) AS n_beyond,
           effective_df(count(r), count(r), count(r)) AS df,
           effective_df(count(r_beyond), count(r_beyond), count(r_beyond)) AS beyond_df
    FROM of_proteins
    GROUP BY name, layer
),

tests AS (
    SELECT *, count(*) OVER of_track AS n_layers, ratio_test(r, error, df, n_layers) AS test,
           ratio_test(r_beyond, beyond_error, beyond_df, n_layers) AS beyond
    FROM pooled
    WINDOW of_track AS (PARTITION BY name)
)

SELECT name, layer, n_proteins, n_residues, round(r, 4) + 0 AS correlation,
       round(clamped(r - test.reach, -1, 1), 4) + 0 AS low, round(clamped(r + test.reach, -1, 1), 4) + 0 AS high,
       round(test.log10_p, 2) + 0 AS log10_p, round(r_letter, 4) + 0 AS by_letter, round(r_place, 4) + 0 AS by_place,
       round(r_beyond_letter, 4) + 0 AS beyond_letter, round(r_beyond, 4) + 0 AS beyond_both,
       round(clamped(r_beyond - beyond.reach, -1, 1), 4) + 0 AS beyond_low,
       round(clamped(r_beyond + beyond.reach, -1, 1), 4) + 0 AS beyond_high,
       round(test.confidence, 6) AS confidence,
       nullif(concat_ws('; ', why_untested(n_proteins, df, error),
                        CASE WHEN n_proteins = 1 THEN 'baselines need another protein'
                             -- Fewer proteins may have baselines: another one needs their letters and places.
                             WHEN test.log10_p IS NOT NULL
                             THEN 'beyond_both: ' || why_untested(n_beyond, beyond_df, beyond_error) END), '') AS note
FROM tests
ORDER BY name, layer
