-- returns: The largest difference of two distributions of similarity, that within a family and that to the others.
-- notes: pairs_table as in `member_silhouettes`. Columns: family_number, method, ks (empty without others).
-- source: The two-sample statistic of Kolmogorov and Smirnov.
CREATE MACRO ks_distances(pairs_table) AS TABLE
    WITH totals AS (
        SELECT family_number, method, count(*) FILTER (is_own) AS n_own,
               nullif(count(*) FILTER (NOT is_own), 0) AS n_others, count(*) AS n_all
        FROM query_table(pairs_table)
        GROUP BY family_number, method
    ),

    -- Cumulative shares and ranks of all similarities of a family; equal ones have the same.
    ranked AS (
        SELECT family_number, method, millionths, is_own, rank() OVER of_family AS place,
               cume_dist() OVER of_family AS share
        FROM query_table(pairs_table)
        WINDOW of_family AS (PARTITION BY family_number, method ORDER BY millionths)
    ),

    -- The distributions differ most at a similarity within the family, or just below one. As in `member_chances`, the
    -- others are what is left of all.
    shares AS (
        SELECT family_number, method,
               (rank() OVER of_family - 1) / n_own AS own_below, cume_dist() OVER of_family AS own_up_to,
               (place - rank() OVER of_family) / n_others AS others_below,
               (share * n_all - cume_dist() OVER of_family * n_own) / n_others AS others_up_to
        FROM ranked JOIN totals USING (family_number, method)
        WHERE is_own
        WINDOW of_family AS (PARTITION BY family_number, method ORDER BY millionths)
    )

    SELECT family_number, method, max(greatest(own_up_to - others_up_to, others_below - own_below)) AS ks
    FROM shares
    GROUP BY family_number, method
