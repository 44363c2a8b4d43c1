-- title: The tracks there are
-- topic: Annotation
-- needs: tracks
-- answers: Which numbers of one's own does the atlas hold for residues, on how many proteins, and in what range?
-- parameters:
--   proteins proteins = all: Ids to count over.
-- columns:
--   name: Name of the track.
--   unit: Unit of its values; empty where none was given.
--   n_proteins: Proteins with a value.
--   n_values: Their values; a residue that two sources give counts twice.
--   n_residues: All residues of these proteins.
--   share: Share of these residues that have a value.
--   minimum: Smallest value.
--   mean: Mean value.
--   maximum: Largest value.
--   n_sources: Files they are from.
--   sources: The first three of these.
-- grain: name, unit
-- source: The table `tracks` of the atlas.
WITH of_proteins AS (
    SELECT name, unit, accession, any_value(length) AS length, count(*) AS n_values,
           count(DISTINCT position) AS n_with_value
    FROM tracks JOIN proteins AS p USING (accession)
    WHERE $proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[]))
    GROUP BY name, unit, accession
),

protein_counts AS (
    SELECT name, unit, count(*) AS n_proteins, sum(n_values)::BIGINT AS n_values, sum(length)::BIGINT AS n_residues,
           sum(n_with_value) / sum(length) AS share
    FROM of_proteins
    GROUP BY name, unit
),

ranges AS (
    SELECT name, unit, min(value) AS minimum, avg(value) AS mean, max(value) AS maximum,
           count(DISTINCT source) AS n_sources,
           array_to_string(list(DISTINCT source ORDER BY source)[:3], ', ') AS sources
    FROM tracks SEMI JOIN of_proteins USING (name, unit, accession)
    GROUP BY name, unit
)

SELECT name, unit, n_proteins, n_values, n_residues, round(share, 4) AS share, minimum, mean, maximum, n_sources,
       sources
FROM protein_counts JOIN ranges USING (name, unit)
ORDER BY name, unit
