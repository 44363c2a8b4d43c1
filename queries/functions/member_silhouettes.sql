-- returns: The silhouette of each member of a family: how much nearer it is to its own family than to the nearest
--   other.
-- notes: pairs_table names a table or CTE with family_number, method, member, other, is_own (the other is of the
--   family), cluster of the other and their similarity in millionths. Columns: family_number, method, member,
--   silhouette (0 where all distances are), n_own and n_others (sequences it is compared with), own_similarity and
--   others_similarity (sums).
-- source: Rousseeuw 1987; a distance is 1 less the mean similarity.
CREATE MACRO member_silhouettes(pairs_table) AS TABLE
    WITH distances AS (
        SELECT family_number, method, member, is_own, cluster, count(*) AS n, sum(millionths) / 1e6 AS similarity,
               1 - similarity / n AS distance
        FROM query_table(pairs_table)
        GROUP BY family_number, method, member, is_own, cluster
    ),

    nearest AS (
        SELECT family_number, method, member,
               min(distance) FILTER (is_own) AS own_distance, min(distance) FILTER (NOT is_own) AS others_distance,
               sum(n) FILTER (is_own) AS n_own, coalesce(sum(n) FILTER (NOT is_own), 0) AS n_others,
               sum(similarity) FILTER (is_own) AS own_similarity,
               sum(similarity) FILTER (NOT is_own) AS others_similarity
        FROM distances
        GROUP BY family_number, method, member
    )

    SELECT family_number, method, member, n_own, n_others, own_similarity, others_similarity,
           coalesce((others_distance - own_distance) / nullif(greatest(others_distance, own_distance), 0),
                    0 * (others_distance + own_distance)) AS silhouette
    FROM nearest
