-- returns: Groups of sequences that families connect: two sequences of a family are in one group, and so are those that
--   are connected only through others.
-- notes: databases is a list of databases of the table `families`, NULL for all. Columns: sequence_id, group_id, the
--   smallest sequence_id of the group. A sequence of no family has no row. Groups of distant homologues may be large: a
--   sequence of two families joins both.
-- source: Connected components; label propagation.
CREATE MACRO connected_families(databases) AS TABLE
    WITH RECURSIVE family_members AS (
        SELECT DISTINCT p.sequence_id, f.database, f.family
        FROM main.families AS f JOIN main.proteins AS p USING (accession)
        WHERE p.sequence_id IS NOT NULL
              AND (databases IS NULL OR f.database IN (SELECT unnest(databases::VARCHAR[])))
    ),

    -- Every sequence begins as its own group. In each round, the families of sequences whose group has changed pass
    -- the smallest of their groups on to all their members, until no group changes any more.
    connected (sequence_id, group_id) USING KEY (sequence_id) AS (
        SELECT DISTINCT sequence_id, sequence_id FROM family_members
        UNION
        SELECT m.sequence_id, min(f.group_id)
        FROM (SELECT database, family, min(group_id) AS group_id
              FROM connected JOIN family_members USING (sequence_id)
              GROUP BY database, family) AS f
        JOIN family_members AS m USING (database, family)
        JOIN recurring.connected AS c ON c.sequence_id = m.sequence_id
        WHERE f.group_id < c.group_id
        GROUP BY m.sequence_id
    )

    SELECT sequence_id, group_id
    FROM connected
