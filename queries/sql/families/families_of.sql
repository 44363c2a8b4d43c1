-- title: The families of proteins
-- topic: Families
-- needs: families
-- answers: To which families and domains are these proteins assigned, how many proteins of the atlas share them, and
--   does the attention on the protein converge where it does for most of the family?
-- parameters:
--   proteins proteins: Ids.
--   databases texts of families.database = all: Databases of the families, such as `Pfam`.
-- columns:
--   n_proteins: Proteins of the atlas in the family.
--   n_sequences: Their distinct sequences.
--   layer: Layer of convergence of the protein, 0-based; empty if it has none.
--   family_layer: Layer in which most sequences of the family converge, the first among equals.
--   share_at_layer: Share of its sequences with a fit that converge there.
-- example: proteins=P07550,P00918
-- grain: accession, database, family
-- source: The file given to `attlas annotate`; Nayar, Tartici and Altman 2025 for the layer of convergence.
WITH family_rows AS (
    SELECT accession, database, family, min(name) AS name
    FROM families
    WHERE accession IN (SELECT unnest($proteins::VARCHAR[]))
          AND ($databases IS NULL
               OR lower(database) IN (SELECT lower(unnest) FROM unnest($databases::VARCHAR[])))
    GROUP BY accession, database, family
),

-- Every protein of these families.
carriers AS (
    SELECT DISTINCT f.database, f.family, p.accession, p.sequence_id, p.layer
    FROM families AS f JOIN proteins AS p USING (accession)
    WHERE (f.database, f.family) IN (SELECT (database, family) FROM family_rows)
),

counts AS (
    SELECT database, family, count(DISTINCT accession) AS n_proteins, count(DISTINCT sequence_id) AS n_sequences
    FROM carriers
    GROUP BY database, family
),

layer_counts AS (
    SELECT database, family, layer, count(DISTINCT sequence_id) AS n
    FROM carriers
    WHERE layer IS NOT NULL
    GROUP BY database, family, layer
),

-- The commonest layer of convergence of each family, and its share.
family_layers AS (
    SELECT database, family, arg_min(layer, (-n, layer)) AS layer, max(n) / sum(n) AS share
    FROM layer_counts
    GROUP BY database, family
)

SELECT accession, p.entry_name, a.database, a.family, a.name, n_proteins, n_sequences, p.layer,
       c.layer AS family_layer, round(c.share, 2) AS share_at_layer
FROM family_rows AS a JOIN proteins AS p USING (accession) JOIN counts USING (database, family)
LEFT JOIN family_layers AS c USING (database, family)
ORDER BY accession, database, family
