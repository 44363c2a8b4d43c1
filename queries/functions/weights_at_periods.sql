-- returns: What residues of a protein with repeats give, in a head, to those one period before and after them.
-- notes: ids is a list of accessions, those of the background included; NULL is all. Only proteins count whose period
--   was probed and has min_at_period neighbouring copies or more. Columns: those of `repeat_periods`, layer, head,
--   probed (the distance), is_period (it is that of the repeats), is_other (no two copies stand at it), before and
--   after (mean weight of a query that has a residue there), background_before and background_after (the same over
--   the n_background sequences without any repeat).
-- source: Induction heads of protein language models: arXiv 2602.23179.
CREATE MACRO weights_at_periods(ids, min_at_period) AS TABLE
    WITH weights AS (
        -- The mean weight of a head to the residue one period before, and after, over the residues that have one.
        SELECT h.sequence_id, h.layer, h.head, h.period AS probed, h.before / (c.length - h.period) AS before,
               h.after / (c.length - h.period) AS after
        FROM main.head_periods AS h JOIN computed_sequences(ids, 1) AS c USING (accession)
        WHERE c.length > h.period
    ),

    -- Also a protein with a single repeat, or with one at a period that was not probed, is no background.
    background AS (
        SELECT layer, head, probed, avg(before) AS background_before, avg(after) AS background_after,
               count(*) AS n_background
        FROM weights
        WHERE sequence_id NOT IN (
            SELECT p.sequence_id
            FROM main.features AS f JOIN main.proteins AS p USING (accession)
            WHERE f.type = 'Repeat' AND p.sequence_id IS NOT NULL
        )
        GROUP BY layer, head, probed
    ),

    -- Repeats whose period was probed, and that recur often enough.
    probed_repeats AS (
        SELECT *
        FROM repeat_periods(ids)
        WHERE n_at_period >= min_at_period AND period IN (SELECT probed FROM weights)
    )

    SELECT r.*, layer, head, probed, probed = r.period AS is_period,
           NOT list_contains(r.distances, probed) AS is_other, w.before, w.after,
           b.background_before, b.background_after, b.n_background
    FROM probed_repeats AS r JOIN weights AS w USING (sequence_id) JOIN background AS b USING (layer, head, probed)
