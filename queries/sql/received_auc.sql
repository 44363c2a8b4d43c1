-- title: How well attention received tells a feature, layer by layer
-- topic: Annotation
-- needs: features
-- answers: Do residues of a feature receive more attention than the others, and in which layers? AUC is the chance that
--   a residue with the feature receives more than one without; 0.5 is none. Over the proteins with the feature, each
--   sequence once, as in `sites_at_features`.
-- parameters:
--   type text = Active site: Type of feature.
--   proteins proteins = all: Ids to count over.
-- columns:
--   n_proteins: Proteins with residues of both kinds.
--   n_labelled: Their residues with the feature.
--   n_residues: All their residues.
--   auc_of_proteins: Mean of the AUC within each protein.
--   auc_low: Lower end of its 95 % normal interval, proteins taken as independent.
--   auc_high: Upper end.
--   auc_pooled: AUC over all residues at once, by attention received over the mean of the protein.
-- grain: layer
-- source: Mann and Whitney 1947: ties count half.
WITH carriers AS (
    SELECT any_value(type) AS type, min(accession) AS accession, any_value(length) AS length
    FROM features JOIN proteins AS p USING (accession)
    WHERE type = $type AND p.status = 'ok'
          AND ($proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[])))
    GROUP BY p.sequence_id
),
labelled AS (
    SELECT DISTINCT c.type, c.accession, c.length,
           unnest(CASE WHEN c.type IN ('Disulfide bond', 'Cross-link') THEN [f.begin, f.end]
                       ELSE range(f.begin, f.end + 1) END)::INTEGER AS position
    FROM carriers AS c JOIN features AS f ON f.accession = c.accession AND f.type = c.type
),
marked AS (
    SELECT accession, r.received, l.position IS NOT NULL AS has
    FROM residues AS r SEMI JOIN carriers USING (accession)
    LEFT JOIN labelled AS l USING (accession, position)
),
profiles AS (
    SELECT accession, has, unnest(received) AS received, unnest(range(len(received)))::SMALLINT AS layer
    FROM marked
),
relative AS (
    SELECT *, received / nullif(avg(received) OVER (PARTITION BY accession, layer), 0) AS relative
    FROM profiles
),
ranked AS (
    SELECT accession, layer, has,
           rank() OVER (PARTITION BY accession, layer ORDER BY received)
           + (count(*) OVER (PARTITION BY accession, layer, received) - 1) / 2 AS own_rank,
           rank() OVER (PARTITION BY layer ORDER BY relative)
           + (count(*) OVER (PARTITION BY layer, relative) - 1) / 2 AS pooled_rank
    FROM relative
),
by_protein AS (
    SELECT accession, layer, count(*) AS n, count(*) FILTER (has) AS n_with,
           sum(own_rank) FILTER (has) AS own_ranks, sum(pooled_rank) FILTER (has) AS pooled_ranks
    FROM ranked
    GROUP BY accession, layer
),
within AS (
    SELECT *, (own_ranks - n_with * (n_with + 1) / 2) / nullif(n_with * (n - n_with), 0) AS auc
    FROM by_protein
),
pooled AS (
    SELECT layer, count(auc) AS n_proteins, sum(n_with)::BIGINT AS n_labelled, sum(n)::BIGINT AS n_residues,
           avg(auc) AS auc, stddev_samp(auc) / sqrt(count(auc)) AS se, sum(pooled_ranks) AS ranks
    FROM within
    GROUP BY layer
)
SELECT layer, n_proteins, n_labelled, n_residues, round(auc, 4) AS auc_of_proteins,
       round(auc - 1.96 * se, 4) AS auc_low, round(auc + 1.96 * se, 4) AS auc_high,
       round((ranks - n_labelled * (n_labelled + 1) / 2) / nullif(n_labelled * (n_residues - n_labelled), 0), 4)
       AS auc_pooled
FROM pooled
ORDER BY layer
