-- title: Layers of convergence that mark families, counted over clusters
-- topic: Families
-- needs: families
-- answers: In which layers does a family converge more often than the rest of the atlas, if sequences that are nearly
--   the same count once? As `family_layers`, but with a row for every layer, and with clusters within the family as
--   the independent units, such as those at 80 % identity. Clusters are read as families of the database `clusters`.
--   If the atlas has none, only identical sequences count once, and `clustering` says so.
-- parameters:
--   database text of families.database = Pfam: Database of the families.
--   families texts of families.family = all: Families to show.
--   clusters text = cluster80: Database of the table `families` that has the clusters.
--   min_clusters int 1.. = 5: Fewest clusters of a family.
--   proteins proteins = all: Ids to count over, background included.
-- columns:
--   clustering: The database of clusters, or `exact duplicates only`.
--   layer: Layer of convergence, 0-based: every layer in which a cluster of the family converges.
--   n_sequences: Distinct sequences of the family with a layer of convergence.
--   n_clusters: Clusters that they are in; a sequence without a cluster is a cluster by itself. A cluster counts in
--     the layer of most of its sequences in the family; among equals, in the first.
--   n_at_layer: Clusters that converge in the layer.
--   share: n_at_layer over n_clusters.
--   share_low: Lower end of its 95 % Wilson interval, with clusters as the independent units, for a layer that was
--     named beforehand; empty for fewer than five. `log10_p` answers another question: it corrects for the choice
--     among layers and families.
--   share_high: Upper end.
--   share_of_sequences: Share of the distinct sequences of the family that converge in the layer.
--   background: Share of the clusters without a sequence of the family that converge in the layer.
--   ratio: share over background.
--   log10_p: Logarithm to base 10 of the chance that as many clusters, drawn from all, converge in this layer as
--     often or more often, times the number of layers of the atlas and of families (Bonferroni), 0 at most; empty for
--     fewer than five clusters.
-- grain: family, layer
-- source: Nayar, Tartici and Altman 2025; Wilson 1927; hypergeometric tail (Fisher's exact test, one-sided).
WITH cluster_names AS (
    -- The cluster of each sequence; if it has several, the first by name.
    SELECT p.sequence_id, min(family) AS cluster
    FROM families AS f JOIN proteins AS p USING (accession)
    WHERE lower(database) = lower($clusters) AND p.sequence_id IS NOT NULL
    GROUP BY p.sequence_id
),

-- Sequences with a layer of convergence, each in its cluster or, without one, by itself.
fitted AS (
    SELECT p.sequence_id, any_value(p.layer) AS layer,
           coalesce('cluster ' || any_value(c.cluster), 'sequence ' || p.sequence_id) AS cluster
    FROM proteins AS p LEFT JOIN cluster_names AS c USING (sequence_id)
    WHERE p.layer IS NOT NULL AND ($proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[])))
    GROUP BY p.sequence_id
),

-- The sequences of each family, with layer and cluster.
members AS (
    SELECT family, min(f.name) AS name, s.sequence_id, any_value(s.layer) AS layer, any_value(s.cluster) AS cluster
    FROM families AS f JOIN proteins AS p USING (accession) JOIN fitted AS s ON s.sequence_id = p.sequence_id
    WHERE lower(database) = lower($database) AND ($families IS NULL OR family IN (SELECT unnest($families::VARCHAR[])))
          AND ($proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[])))
    GROUP BY family, s.sequence_id
),

-- Families with enough clusters.
sizes AS (
    SELECT family, min(name) AS name, count(*) AS n_sequences, count(DISTINCT cluster) AS n_clusters
    FROM members
    GROUP BY family
    HAVING count(DISTINCT cluster) >= $min_clusters
),

-- The layer of a cluster is that of most of its sequences: within a family, of its members there.
layers_in_families AS (
    SELECT family, cluster, arg_min(layer, (-n, layer)) AS layer
    FROM (SELECT family, cluster, layer, count(*) AS n FROM members GROUP BY family, cluster, layer)
    GROUP BY family, cluster
),

-- The same over all sequences of the atlas, of any family.
layers_of_clusters AS (
    SELECT cluster, arg_min(layer, (-n, layer)) AS layer
    FROM (SELECT cluster, layer, count(*) AS n FROM fitted GROUP BY cluster, layer)
    GROUP BY cluster
),

-- Clusters of the atlas by layer.
totals AS (
    SELECT layer, count(*) AS n_of_layer
    FROM layers_of_clusters
    GROUP BY layer
),

-- Clusters of the whole atlas that have a sequence of the family, by the layer that counts for the atlas.
totals_in_families AS (
    SELECT f.family, c.layer, count(*) AS n
    FROM layers_in_families AS f JOIN layers_of_clusters AS c USING (cluster)
    GROUP BY f.family, c.layer
),

counts AS (SELECT family, layer, count(*) AS k FROM layers_in_families GROUP BY family, layer),

sequence_counts AS (SELECT family, layer, count(*) AS n_sequences_at_layer FROM members GROUP BY family, layer),

-- Where a cluster also has sequences outside of the family, its layer in the family is what the draw is counted by.
tests AS (
    SELECT family, s.name, layer, s.n_sequences, s.n_clusters, k, k / s.n_clusters AS share,
           coalesce(q.n_sequences_at_layer, 0) / s.n_sequences AS share_of_sequences,
           coalesce(t.n_of_layer, 0) - coalesce(i.n, 0) AS n_outside_at_layer,
           (SELECT sum(n_of_layer) FROM totals)::BIGINT - s.n_clusters AS n_outside,
           (SELECT count(*) FROM totals) * (SELECT count(*) FROM sizes) AS n_tests
    FROM sizes AS s JOIN counts USING (family)
    LEFT JOIN totals AS t USING (layer) LEFT JOIN totals_in_families AS i USING (family, layer)
    LEFT JOIN sequence_counts AS q USING (family, layer)
)

SELECT family, name,
       CASE WHEN EXISTS (FROM cluster_names) THEN $clusters ELSE 'exact duplicates only' END AS clustering,
       layer, n_sequences, n_clusters, k AS n_at_layer, round(tests.share, 4) AS share,
       round(of_enough_proteins(wilson_low(tests.share, n_clusters, normal_95()), n_clusters), 4) AS share_low,
       round(of_enough_proteins(wilson_high(tests.share, n_clusters, normal_95()), n_clusters), 4) AS share_high,
       round(tests.share_of_sequences, 4) AS share_of_sequences,
       round(n_outside_at_layer / nullif(n_outside, 0), 4) AS background,
       round(tests.share / nullif(n_outside_at_layer / nullif(n_outside, 0), 0), 2) AS ratio,
       CASE WHEN n_clusters >= fewest_proteins()
            THEN round(bonferroni(hypergeometric_log10_tail(k, n_clusters, n_outside_at_layer + k,
                                                            n_outside + n_clusters), n_tests), 2) + 0 END AS log10_p
FROM tests
ORDER BY log10_p NULLS LAST, tests.share DESC, family, layer
