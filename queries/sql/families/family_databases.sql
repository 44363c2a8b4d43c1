-- title: The databases of the families
-- topic: Families
-- needs: families
-- answers: Which databases assign families to the proteins of the atlas, and to how many? Over computed proteins; a
--   sequence under several accessions counts once.
-- parameters:
--   proteins proteins = all: Ids to count over.
-- columns:
--   n_families: Families with one of these proteins.
--   n_proteins: Proteins assigned to one.
--   n_sequences: Their distinct sequences.
--   n_pairs: Families of sequences: a sequence in two counts twice.
--   n_of_five: Families of five distinct sequences or more.
--   n_sources: Files that the assignments are from.
--   sources: The first three of these files.
-- grain: database
-- source: The table `families` of the atlas.
WITH assignments AS (
    SELECT database, family, accession, p.sequence_id, source
    FROM families JOIN proteins AS p USING (accession)
    WHERE p.status = 'ok'
          AND ($proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[])))
),

sizes AS (
    SELECT database, family, count(DISTINCT sequence_id) AS n_members
    FROM assignments
    GROUP BY database, family
),

family_counts AS (
    SELECT database, count(*) AS n_families, sum(n_members)::BIGINT AS n_pairs,
           count(*) FILTER (n_members >= 5) AS n_of_five
    FROM sizes
    GROUP BY database
)

SELECT database, any_value(n_families) AS n_families, count(DISTINCT accession) AS n_proteins,
       count(DISTINCT sequence_id) AS n_sequences, any_value(n_pairs) AS n_pairs, any_value(n_of_five) AS n_of_five,
       count(DISTINCT source) AS n_sources,
       array_to_string(list(DISTINCT source ORDER BY source)[:3], ', ') AS sources
FROM assignments JOIN family_counts USING (database)
GROUP BY database
ORDER BY n_sequences DESC, database
