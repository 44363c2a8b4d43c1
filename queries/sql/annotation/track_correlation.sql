-- title: How a track correlates with attention received, layer by layer
-- topic: Annotation
-- needs: tracks
-- answers: Do residues with a high value receive much attention, and more than their letters and their places in the
--   sequence would give? Spearman's correlation over the residues of a protein that have a value, then the mean over
--   proteins; each sequence counts once, under the first accession that has the track. If several files give a value
--   for a residue, their mean counts. The baselines by letter and by place are fitted on the other proteins: fitted
--   on the same residues, they would correlate with a track by chance. A single protein has no baselines. Homologues
--   are not independent: with `units=families`, proteins that families connect are one unit, which counts once and
--   whose baselines come from other families.
-- parameters:
--   tracks texts of tracks.name = all: Tracks.
--   proteins proteins = all: Ids to count over.
--   min_residues int 3.. = 10: Fewest residues with a value in a protein that counts.
--   units text proteins|families = proteins: The independent units. `families`: proteins of a family, and proteins
--     that are connected only through other families, are one unit; a protein without a family is a unit by itself.
--   databases texts of families.database = all: Databases of the families that connect proteins, for
--     `units=families`.
-- columns:
--   name: Name of the track.
--   n_proteins: Proteins that count: those in which the values vary and what residues receive varies.
--   n_units: Independent units: the proteins, or with `units=families` groups of connected families.
--   n_residues: Their residues with a value.
--   correlation: Rank correlation of the track with attention received; mean over units, where a unit of several
--     proteins has their mean.
--   low: Lower end of its interval with units as independent, at the level `confidence`, by Student's t. It leaves out
--     0 if and only if log10_p is below -1.3.
--   high: Upper end.
--   log10_p: Logarithm to base 10 of the two-sided p value of the correlation times the number of layers of the track
--     (Bonferroni), 0 at most.
--   by_letter: The same mean, for the track with what the letter of a residue receives on average: the mean rank of
--     its letter over the residues of the proteins of all other units. It shows what the letters alone give, about 0
--     if nothing. Residues whose letter no other unit has are left out. Empty for a single unit, as are the other
--     baselines.
--   by_place: The same for the place: the mean rank, over all other units, of residues as far from the same end, in
--     doublings (1, 2-3, 4-7, and so on).
--   beyond_letter: Correlation of the track with the rank less the mean rank of the letter: what letters do not
--     explain.
--   beyond_both: Correlation with what is left after the means of letters, then those of places are subtracted; both
--     are fitted on the other units.
--   beyond_low: Lower end of the interval of beyond_both, by the same construction as `low`.
--   beyond_high: Upper end.
--   confidence: Level of the intervals: 1 - 0.05 / number of layers of the track, so that all hold at once with 95 %.
--   note: Why a row has no interval and no p value, for the correlation or for beyond_both, or no baselines; empty if
--     it has all.
-- grain: name, layer
-- source: Spearman 1904; ties have their mean rank. The baselines are semipartial correlations on ranks; the interval
--   and the test over units are Student's t, and take units as independent. Homologues are not: where many proteins
--   are of one family, the intervals of `units=proteins` are too narrow, and a baseline fitted on homologues knows the
--   protein itself.
WITH carriers AS (
    -- Each sequence once, under its first accession that has the track.
    SELECT name, min(accession) AS accession, any_value(length) AS length, p.sequence_id
    FROM tracks JOIN proteins AS p USING (accession)
    WHERE p.status = 'ok'
          AND ($tracks IS NULL OR name IN (SELECT unnest($tracks::VARCHAR[])))
          AND ($proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[])))
    GROUP BY name, p.sequence_id
),

-- The independent unit of each protein, by the smallest sequence_id in it: the protein itself, or its families.
units AS (
    SELECT name, accession, coalesce(f.group_id, sequence_id) AS unit
    FROM carriers LEFT JOIN connected_families($databases) AS f USING (sequence_id)
    WHERE $units = 'families'
    UNION ALL
    SELECT name, accession, sequence_id
    FROM carriers
    WHERE $units = 'proteins'
),

-- If several sources have a value for a residue, their mean.
track_values AS (
    SELECT name, accession, position, any_value(residue) AS residue, avg(value) AS value,
           any_value(length) AS length
    FROM tracks JOIN carriers USING (name, accession)
    GROUP BY name, accession, position
),

-- Proteins with enough values that are not all the same.
proteins_counted AS (
    SELECT name, accession, count(*) AS n
    FROM track_values
    GROUP BY name, accession
    HAVING count(*) >= $min_residues AND min(value) < max(value)
),

-- Ranks from the lowest, ties with their mean rank, over the number of residues, to compare proteins of any length.
-- A place is the end that is nearer, by its sign, and the distance to it in doublings.
track_ranks AS (
    SELECT name, accession, position, residue, n,
           (rank() OVER protein + count(*) OVER protein - 1) / (2 * n) AS value,
           CASE WHEN 2 * position <= length + 1 THEN 1 ELSE -1 END
           * (1 + floor(log2(least(position, length + 1 - position))))::INTEGER AS place
    FROM track_values JOIN proteins_counted USING (name, accession)
    WINDOW protein AS (PARTITION BY name, accession ORDER BY track_values.value)
),

-- A profile that does not vary has no ranks, and is not part of any baseline.
ranked AS (
    SELECT t.name, t.accession, u.unit, p.layer, t.residue, t.place, t.value,
           CASE WHEN min(p.received) OVER whole < max(p.received) OVER whole
                THEN (rank() OVER protein + count(*) OVER protein - 1) / (2 * t.n) END AS received
    FROM track_ranks AS t JOIN units AS u USING (name, accession) JOIN profile() AS p USING (accession, position)
    WINDOW whole AS (PARTITION BY t.name, t.accession, p.layer),
           protein AS (PARTITION BY t.name, t.accession, p.layer ORDER BY p.received)
),

-- Residues of a letter at a place: of each unit, and of all.
unit_cells AS (
    SELECT name, layer, unit, residue, place, count(*) AS n, sum(received) AS total
    FROM ranked
    WHERE received IS NOT NULL
    GROUP BY name, layer, unit, residue, place
),

all_cells AS (
    SELECT name, layer, residue, place, sum(n) AS n, sum(total) AS total
    FROM unit_cells
    GROUP BY name, layer, residue, place
),

-- For each unit, the residues of all others: what the baselines of its proteins are fitted on.
other_cells AS (
    SELECT u.name, u.layer, u.unit, c.residue, c.place, c.n - coalesce(o.n, 0) AS n,
           c.total - coalesce(o.total, 0) AS total
    FROM (SELECT DISTINCT name, layer, unit FROM unit_cells) AS u JOIN all_cells AS c USING (name, layer)
    LEFT JOIN unit_cells AS o USING (name, layer, unit, residue, place)
    WHERE c.n > coalesce(o.n, 0)
),

-- Mean attention of a letter in the other units.
letter_means AS (
    SELECT name, layer, unit, residue, sum(total) / sum(n) AS letter_mean
    FROM other_cells
    GROUP BY name, layer, unit, residue
),

-- The mean of a place itself, and of what is left there once the letters are taken away.
place_means AS (
    SELECT name, layer, unit, place, sum(total) / sum(n) AS place_mean,
           sum(total - n * letter_mean) / sum(n) AS left_mean
    FROM other_cells JOIN letter_means USING (name, layer, unit, residue)
    GROUP BY name, layer, unit, place
),

-- Correlations within each protein, also of what its letters and places do not explain.
of_proteins AS (
    SELECT name, layer, unit, accession, count(*) AS n,
           correlation(value, received) AS r,
           correlation(value, letter_mean) AS r_letter,
           correlation(value, place_mean) AS r_place,
           correlation(value, received - letter_mean) AS r_beyond_letter,
           correlation(value, received - letter_mean - left_mean) AS r_beyond
    FROM ranked LEFT JOIN letter_means USING (name, layer, unit, residue)
    LEFT JOIN place_means USING (name, layer, unit, place)
    GROUP BY name, layer, unit, accession
),

-- For a unit of several proteins, their mean counts.
of_units AS (
    SELECT name, layer, unit, count(r) AS n_proteins, coalesce(sum(n) FILTER (r IS NOT NULL), 0) AS n_residues,
           avg(r) AS r, avg(r_letter) AS r_letter, avg(r_place) AS r_place, avg(r_beyond_letter) AS r_beyond_letter,
           avg(r_beyond) AS r_beyond
    FROM of_proteins
    GROUP BY name, layer, unit
),

-- Means over the units, with the error over them.
pooled AS (
    SELECT name, layer, sum(n_proteins)::BIGINT AS n_proteins, count(r) AS n_units,
           sum(n_residues)::BIGINT AS n_residues, avg(r) AS r, avg(r_letter) AS r_letter, avg(r_place) AS r_place,
           avg(r_beyond_letter) AS r_beyond_letter, avg(r_beyond) AS r_beyond, mean_error(r) AS error,
           mean_error(r_beyond) AS beyond_error,
           count(r_beyond) AS n_beyond,
           effective_df(count(r), count(r), count(r)) AS df,
           effective_df(count(r_beyond), count(r_beyond), count(r_beyond)) AS beyond_df
    FROM of_units
    GROUP BY name, layer
),

tests AS (
    SELECT *, count(*) OVER of_track AS n_layers, ratio_test(r, error, df, n_layers) AS test,
           ratio_test(r_beyond, beyond_error, beyond_df, n_layers) AS beyond
    FROM pooled
    WINDOW of_track AS (PARTITION BY name)
),

notes AS (
    SELECT *, nullif(concat_ws('; ', why_untested(n_units, df, error),
                               CASE WHEN n_units = 1 THEN 'baselines need another protein'
                                    -- Fewer units may have baselines: another unit must have their letters and places.
                                    WHEN test.log10_p IS NOT NULL
                                    THEN 'beyond_both: ' || why_untested(n_beyond, beyond_df, beyond_error)
                                    END), '') AS note
    FROM tests
)

SELECT name, layer, n_proteins, n_units, n_residues, round(r, 4) + 0 AS correlation,
       round(clamped(r - test.reach, -1, 1), 4) + 0 AS low, round(clamped(r + test.reach, -1, 1), 4) + 0 AS high,
       round(test.log10_p, 2) + 0 AS log10_p, round(r_letter, 4) + 0 AS by_letter, round(r_place, 4) + 0 AS by_place,
       round(r_beyond_letter, 4) + 0 AS beyond_letter, round(r_beyond, 4) + 0 AS beyond_both,
       round(clamped(r_beyond - beyond.reach, -1, 1), 4) + 0 AS beyond_low,
       round(clamped(r_beyond + beyond.reach, -1, 1), 4) + 0 AS beyond_high,
       round(test.confidence, 6) AS confidence,
       CASE $units WHEN 'families' THEN replace(replace(note, 'proteins', 'families'), 'protein', 'family')
                ELSE note END AS note
FROM notes
ORDER BY name, layer
