-- returns: The AUC of a family without each of its members in turn, for a jackknife; empty for a family of two.
-- notes: chances_table names a table or CTE with the columns of `member_chances`. Columns: family_number, method,
--   member, auc.
-- source: Efron and Stein 1981.
CREATE MACRO auc_without_members(chances_table) AS TABLE
    WITH totals AS (
        SELECT family_number, method, sum(chance) AS total, count(DISTINCT member) AS n_members
        FROM query_table(chances_table)
        GROUP BY family_number, method
    ),

    -- A member has a part in the pairs in which it comes first, and in those in which it comes second.
    parts AS (
        SELECT family_number, method, member, sum(chance) AS part
        FROM (
            SELECT family_number, method, member, chance FROM query_table(chances_table)
            UNION ALL
            SELECT family_number, method, other, chance FROM query_table(chances_table)
        )
        GROUP BY family_number, method, member
    )

    SELECT family_number, method, member, (total - part) / nullif((n_members - 1) * (n_members - 2), 0) AS auc
    FROM parts JOIN totals USING (family_number, method)
