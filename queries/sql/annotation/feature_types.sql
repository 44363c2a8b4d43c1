-- title: The types of features there are
-- topic: Annotation
-- needs: features
-- answers: Which known features does the atlas hold, on how many proteins and residues? Over computed proteins, each
--   sequence once: where it has several accessions with the type, the first. A disulfide bond and a cross-link are
--   their two ends; any other feature is all its residues.
-- parameters:
--   proteins proteins = all: Ids to count over.
-- columns:
--   type: Type of feature.
--   n_features: Features of these proteins; one that two sources give counts twice.
--   n_proteins: Proteins with the type, one for each sequence.
--   n_labelled: Their residues that carry it.
--   n_residues: All their residues.
--   background: The one over the other.
--   n_sources: Files they are from.
--   sources: The first three of these.
-- grain: type
-- source: The table `features` of the atlas.
WITH carriers AS (
    -- A sequence under several accessions counts once: as the first of those with the type.
    SELECT type, min(accession) AS accession, any_value(length) AS length
    FROM features JOIN proteins AS p USING (accession)
    WHERE p.status = 'ok'
          AND ($proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[])))
    GROUP BY type, p.sequence_id
),

-- Every record of these features, as often as sources have it.
feature_records AS (
    SELECT c.type, c.accession, f.begin, f.end, f.source
    FROM carriers AS c JOIN features AS f ON f.accession = c.accession AND f.type = c.type
),

-- Each residue once, however many records name it.
labelled AS (
    SELECT DISTINCT f.type, f.accession,
           unnest(feature_positions(f.type, f.begin, f.end)) AS position
    FROM feature_records AS f
),

records AS (
    SELECT type, count(*) AS n_features, count(DISTINCT source) AS n_sources,
           array_to_string(list(DISTINCT source ORDER BY source)[:3], ', ') AS sources
    FROM feature_records
    GROUP BY type
),

residue_counts AS (SELECT type, count(*) AS n_labelled FROM labelled GROUP BY type),

protein_counts AS (SELECT type, count(*) AS n_proteins, sum(length)::BIGINT AS n_residues FROM carriers GROUP BY type)

SELECT type, n_features, n_proteins, n_labelled, n_residues, round(n_labelled / n_residues, 4) AS background,
       n_sources, sources
FROM protein_counts JOIN records USING (type) JOIN residue_counts USING (type)
ORDER BY n_labelled DESC, type
