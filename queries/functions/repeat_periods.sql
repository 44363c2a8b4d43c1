-- returns: The computed sequences with two repeats or more, by one accession each, with the period of their repeats.
-- notes: ids is a list of accessions to choose from; NULL is all proteins. A repeat is a feature of type Repeat; the
--   period is the commonest distance from the beginning of one to that of the next, the shortest among equals. Columns:
--   sequence_id, accession, length, n_copies, period, n_at_period (how many neighbours stand at it), distances (from
--   the beginning of any copy to that of any later one).
-- source: UniProt's manual, feature type Repeat.
CREATE MACRO repeat_periods(ids) AS TABLE
    WITH carriers AS (
        SELECT p.sequence_id, min(accession) AS accession, any_value(length) AS length
        FROM main.features JOIN main.proteins AS p USING (accession)
        WHERE type = 'Repeat' AND p.status = 'ok' AND (ids IS NULL OR accession IN (SELECT unnest(ids::VARCHAR[])))
        GROUP BY p.sequence_id
    ),

    -- Where the repeats of a sequence begin. A single one has no period.
    copies AS (
        SELECT c.sequence_id, c.accession, c.length, list_sort(list(DISTINCT f.begin)) AS begins
        FROM carriers AS c JOIN main.features AS f USING (accession)
        WHERE type = 'Repeat'
        GROUP BY c.sequence_id, c.accession, c.length
        HAVING count(DISTINCT f.begin) > 1
    ),

    -- From the beginning of each repeat to that of the next one.
    spacings AS (
        SELECT sequence_id, unnest([begins[k + 1] - begins[k] FOR k IN range(1, len(begins))]) AS spacing
        FROM copies
    ),

    spacing_counts AS (SELECT sequence_id, spacing, count(*) AS n FROM spacings GROUP BY sequence_id, spacing),

    -- The commonest spacing, or the smallest of several that are equally common.
    periods AS (
        SELECT sequence_id, arg_min(spacing, (-n, spacing)) AS period, max(n) AS n_at_period
        FROM spacing_counts
        GROUP BY sequence_id
    )

    SELECT sequence_id, accession, length, len(begins) AS n_copies, period, n_at_period,
           list_distinct(flatten([[b - a FOR b IN begins IF b > a] FOR a IN begins])) AS distances
    FROM copies JOIN periods USING (sequence_id)
