-- returns: The families to compare, with the sequences that represent each.
-- notes: carriers_table names a table or CTE with family, sequence_id, md5, n_sequences (of the family). reported is
--   a list of families that come first, NULL for all; one_each counts a sequence of several families in the largest
--   alone; smallest is the fewest sequences left of a family; of more than member_limit, those of the lowest hashes are
--   drawn. Families are taken whole, until protein_limit sequences are reached. Columns: family, sequence_id,
--   is_reported.
CREATE MACRO drawn_members(carriers_table, reported, one_each, smallest, member_limit, protein_limit, seed) AS TABLE
    WITH family_members AS (
        -- With `one_each` a sequence of several families stands for the largest of them.
        SELECT family, sequence_id, md5
        FROM query_table(carriers_table)
        QUALIFY NOT one_each
                OR row_number() OVER (PARTITION BY sequence_id ORDER BY n_sequences DESC, family) = 1
    ),

    -- Members in an order that depends on the seed and the sequence alone, so that a draw is the same everywhere.
    drawn_sequences AS (
        SELECT family, sequence_id, count(*) OVER (PARTITION BY family) AS n_assigned
        FROM family_members
        QUALIFY row_number() OVER (PARTITION BY family ORDER BY md5(concat(seed, ' ', md5)), sequence_id)
                <= member_limit
    ),

    compared_families AS (
        SELECT family, reported IS NULL OR family IN (SELECT unnest(reported::VARCHAR[])) AS is_reported
        FROM drawn_sequences
        WHERE n_assigned >= smallest
        GROUP BY family
        -- A running sum of members: the families that still fit, those to report first.
        QUALIFY sum(count(*)) OVER (ORDER BY is_reported DESC, md5(concat(seed, ' ', family)), family)
                <= protein_limit
    )

    SELECT family, sequence_id, is_reported
    FROM drawn_sequences JOIN compared_families USING (family)
