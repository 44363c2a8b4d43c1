-- title: How well attention received tells a feature, layer by layer
-- topic: Annotation
-- needs: features
-- answers: Do residues of a feature receive more attention than the others, and in which layers? AUC is the chance that
--   a residue with the feature receives more than one without; 0.5 is none. Over the proteins with the feature, each
--   sequence once, as in `sites_at_features`.
-- parameters:
--   type text of features.type = Active site: Type of feature.
--   proteins proteins = all: Ids to count over.
-- columns:
--   n_proteins: Proteins with residues of both kinds.
--   n_labelled: Their residues with the feature.
--   n_residues: All their residues.
--   auc_of_proteins: Mean of the AUC within each protein.
--   auc_low: Lower end of its interval with proteins as what is independent, of 95 % over all layers at once
--     (Bonferroni), by Student's t. Empty for one protein, and where all agree.
--   auc_high: Upper end.
--   t: Mean AUC less 0.5 over its standard error; empty where all proteins agree.
--   log10_p: Logarithm to base 10 of its two-sided p value times the number of layers (Bonferroni), 0 at most.
--   auc_pooled: AUC over all residues at once, by attention received over the mean of the protein.
-- grain: layer
-- source: Mann and Whitney 1947: ties count half; interval and p over proteins by Student's t.
WITH carriers AS (
    SELECT any_value(type) AS type, min(accession) AS accession, any_value(length) AS length
    FROM features JOIN proteins AS p USING (accession)
    WHERE type = $type AND p.status = 'ok'
          AND ($proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[])))
    GROUP BY p.sequence_id
),
labelled AS (
    SELECT DISTINCT c.type, c.accession, c.length,
           unnest(feature_positions(c.type, f.begin, f.end)) AS position
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
    SELECT accession, layer, has, (rank() OVER own + count(*) OVER own) / 2 AS own_rank,
           (rank() OVER whole + count(*) OVER whole) / 2 AS pooled_rank
    FROM relative
    WINDOW own AS (PARTITION BY accession, layer ORDER BY received),
           whole AS (PARTITION BY layer ORDER BY relative)
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
           avg(auc) AS auc, count(auc) - 1 AS df, sum(pooled_ranks) AS ranks,
           CASE WHEN min(auc) < max(auc) THEN stddev_samp(auc) / sqrt(count(auc)) WHEN df > 0 THEN 0 END AS se
    FROM within
    GROUP BY layer
),
tested AS (
    SELECT *, count(*) OVER () AS n_layers, (auc - 0.5) / nullif(se, 0) AS t,
           nullif(se, 0) * student_t_quantile(0.025 / n_layers, df) AS half
    FROM pooled
)
SELECT layer, n_proteins, n_labelled, n_residues, round(auc, 4) AS auc_of_proteins,
       round(clamped(auc - half, 0, 1), 4) AS auc_low,
       round(clamped(auc + half, 0, 1), 4) AS auc_high,
       round(t, 2) + 0 AS t,
       round(bonferroni(student_t_log10_tail(t, df), n_layers), 2) + 0 AS log10_p,
       round((ranks - n_labelled * (n_labelled + 1) / 2) / nullif(n_labelled * (n_residues - n_labelled), 0), 4)
       AS auc_pooled
FROM tested
ORDER BY layer
