-- returns: For each two members of a family, the chance that the second is more like the first than one of the others
--   is, ties counted half; empty without others.
-- notes: pairs_table as in `member_silhouettes`. Columns: family_number, method, member, other, chance.
-- source: Mann and Whitney 1947.
CREATE MACRO member_chances(pairs_table) AS TABLE
    WITH totals AS (
        SELECT family_number, method, member, count(*) FILTER (is_own) AS n_own,
               count(*) FILTER (NOT is_own) AS n_others
        FROM query_table(pairs_table)
        GROUP BY family_number, method, member
    ),

    ranked_members AS (
        SELECT family_number, method, member, other, millionths, is_own, rank() OVER of_member AS place,
               cume_dist() OVER of_member AS share
        FROM query_table(pairs_table)
        WINDOW of_member AS (PARTITION BY family_number, method, member ORDER BY millionths)
    ),

    -- What of all is below a member's place, or up to it, less what of the members is, leaves the others.
    ranks_of_others AS (
        SELECT family_number, method, member, other, n_others, place - rank() OVER of_member AS n_below,
               share * (n_own + n_others) - cume_dist() OVER of_member * n_own AS n_up_to
        FROM ranked_members JOIN totals USING (family_number, method, member)
        WHERE is_own
        WINDOW of_member AS (PARTITION BY family_number, method, member ORDER BY millionths)
    )

    SELECT family_number, method, member, other, (n_below + n_up_to) / (2 * nullif(n_others, 0)) AS chance
    FROM ranks_of_others
