-- title: How well attention received predicts a feature, layer by layer
-- topic: Annotation
-- needs: features
-- answers: Do residues of a feature receive more attention than others, and in which layers? AUC is the chance that a
--   residue with the feature receives more than one without it; 0.5 means no difference. Counted over the proteins
--   with the feature, each sequence once, as in `sites_at_features`.
-- parameters:
--   type text of features.type = Active site: Type of feature.
--   proteins proteins = all: Ids to count over.
-- columns:
--   n_proteins: Proteins with residues of both kinds.
--   n_labelled: Their residues with the feature.
--   n_residues: All their residues.
--   auc_of_proteins: Mean of the AUC within each protein.
--   auc_low: Lower end of its interval with proteins as the independent units, at the level `confidence`, by Student's
--     t. It leaves out 0.5 if and only if log10_p is below -1.3.
--   auc_high: Upper end.
--   t: Student's t of the mean AUC less 0.5, by the same error.
--   log10_p: Logarithm to base 10 of its two-sided p value times the number of layers (Bonferroni), 0 at most.
--   confidence: Level of the interval: 1 - 0.05 / number of layers, so that all hold at once with 95 %.
--   note: Why a row has no interval and no p value; empty if it has them.
--   auc_pooled: AUC over all residues at once, by attention received over the mean of the protein.
-- grain: layer
-- source: Mann and Whitney 1947: ties count half; interval and test over proteins: Student's t.
WITH carriers AS (
    -- A sequence with several accessions counts once: under the first accession that carries the feature.
    SELECT any_value(type) AS type, min(accession) AS accession, any_value(length) AS length
    FROM features JOIN proteins AS p USING (accession)
    WHERE type = $type AND p.status = 'ok'
          AND ($proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[])))
    GROUP BY p.sequence_id
),

-- The residues that carry the feature.
labelled AS (
    SELECT DISTINCT c.type, c.accession, c.length,
           unnest(feature_positions(c.type, f.begin, f.end)) AS position
    FROM carriers AS c JOIN features AS f ON f.accession = c.accession AND f.type = c.type
),

-- Attention received by each residue in each layer.
profiles AS (
    SELECT accession, l.position IS NOT NULL AS is_labelled, unnest(r.received) AS received,
           unnest(range(len(r.received)))::SMALLINT AS layer
    FROM residues AS r SEMI JOIN carriers USING (accession)
    LEFT JOIN labelled AS l USING (accession, position)
),

-- Proteins differ in length, and so in what a residue receives: pooled they are compared over their means.
relative_profiles AS (
    SELECT *, received / nullif(avg(received) OVER (PARTITION BY accession, layer), 0) AS relative
    FROM profiles
),

-- Ranks from the lowest, ties with their mean rank.
ranked AS (
    SELECT accession, layer, is_labelled, (rank() OVER protein + count(*) OVER protein) / 2 AS protein_rank,
           (rank() OVER pool + count(*) OVER pool) / 2 AS pooled_rank
    FROM relative_profiles
    WINDOW protein AS (PARTITION BY accession, layer ORDER BY received),
           pool AS (PARTITION BY layer ORDER BY relative)
),

-- Sums of ranks, from which the areas follow.
rank_sums AS (
    SELECT accession, layer, count(*) AS n, count(*) FILTER (is_labelled) AS n_labelled,
           sum(protein_rank) FILTER (is_labelled) AS protein_ranks,
           sum(pooled_rank) FILTER (is_labelled) AS pooled_ranks
    FROM ranked
    GROUP BY accession, layer
),

-- The statistic of Mann and Whitney: the rank sum less the smallest that so many residues can have.
of_proteins AS (
    SELECT *, (protein_ranks - n_labelled * (n_labelled + 1) / 2) / nullif(n_labelled * (n - n_labelled), 0) AS auc
    FROM rank_sums
),

-- Means over proteins, and the rank sum over the residues of all.
pooled AS (
    SELECT layer, count(auc) AS n_proteins, sum(n_labelled)::BIGINT AS n_labelled, sum(n)::BIGINT AS n_residues,
           avg(auc) AS auc, sum(pooled_ranks) AS ranks,
           CASE WHEN min(auc) < max(auc) THEN stddev_samp(auc) / sqrt(count(auc)) END AS error,
           effective_df(count(auc), count(auc), count(auc)) AS df
    FROM of_proteins
    GROUP BY layer
),

tests AS (
    SELECT *, count(*) OVER () AS n_layers, ratio_test(auc - 0.5, error, df, n_layers) AS test
    FROM pooled
)

SELECT layer, n_proteins, n_labelled, n_residues, round(auc, 4) AS auc_of_proteins,
       round(clamped(auc - test.reach, 0, 1), 4) AS auc_low, round(clamped(auc + test.reach, 0, 1), 4) AS auc_high,
       round(test.t, 2) + 0 AS t, round(test.log10_p, 2) + 0 AS log10_p, round(test.confidence, 6) AS confidence,
       why_untested(n_proteins, df, error) AS note,
       round((ranks - n_labelled * (n_labelled + 1) / 2) / nullif(n_labelled * (n_residues - n_labelled), 0), 4)
       AS auc_pooled
FROM tests
ORDER BY layer
