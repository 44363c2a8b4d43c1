-- returns: The area under the receiver's curve of each key, and the part that each homology group has in its error.
-- notes: values_table names a table or CTE with the columns key, homology_group, is_member, value. A row for each key
--   and group: key, homology_group, auc, part, n_members, n_others (of the key), n_member_groups, n_other_groups
--   (groups that have any). Ties count half. The variance of the area, or of a difference of areas of the same values,
--   is the sum of squares of the parts, or of their differences, times n / (n - 1) of n groups (`parts_error`).
-- source: DeLong, DeLong and Clarke-Pearson 1988; for groups Obuchowski, Biometrics 1997.
CREATE MACRO area_parts(values_table) AS TABLE
    WITH ranked AS (
        -- Ranks among all and among the own kind, where tied values share the mean of theirs.
        SELECT key, homology_group, is_member,
               rank() OVER (PARTITION BY key ORDER BY value)
               + (count(*) OVER (PARTITION BY key, value) - 1) / 2 AS rank_of_all,
               rank() OVER (PARTITION BY key, is_member ORDER BY value)
               + (count(*) OVER (PARTITION BY key, is_member, value) - 1) / 2 AS rank_of_kind,
               count(*) FILTER (is_member) OVER (PARTITION BY key) AS n_members,
               count(*) FILTER (NOT is_member) OVER (PARTITION BY key) AS n_others
        FROM query_table(values_table)
    ),

    -- The chance that a member is above the others, or another below the members.
    chances AS (
        SELECT key, homology_group, is_member, n_members, n_others,
               CASE WHEN is_member THEN (rank_of_all - rank_of_kind) / n_others
                    ELSE 1 - (rank_of_all - rank_of_kind) / n_members END AS chance
        FROM ranked
        WHERE n_members > 0 AND n_others > 0
    ),
    areas AS (
        SELECT key, avg(chance) FILTER (is_member) AS auc,
               count(DISTINCT homology_group) FILTER (is_member) AS n_member_groups,
               count(DISTINCT homology_group) FILTER (NOT is_member) AS n_other_groups
        FROM chances
        GROUP BY key
    )
    SELECT key, homology_group, auc, sum((chance - auc) / CASE WHEN is_member THEN n_members ELSE n_others END) AS part,
           n_members, n_others, n_member_groups, n_other_groups
    FROM chances JOIN areas USING (key)
    GROUP BY ALL
