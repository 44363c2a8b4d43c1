-- returns: The letters of the rows of an alignment, each with its column and its position in the sequence.
-- notes: alignment is a list of rows, as a question is given it: accession, first position and aligned letters.
--   Columns: row_id, accession, residue, alignment_column, rate (sites of the sequence by its length), position.
CREATE MACRO alignment_letters(alignment) AS TABLE
    WITH rows_of_alignment AS (SELECT unnest(alignment, recursive := true)),

    -- A sequence that several accessions share counts once.
    alignment_rows AS (
        SELECT p.sequence_id, g.first, g.aligned, min(accession) AS accession, any_value(p.length) AS length,
               any_value(p.n_sites) AS n_sites, row_number() OVER (ORDER BY p.sequence_id, g.first, g.aligned) AS row_id
        FROM rows_of_alignment AS g JOIN main.proteins AS p USING (accession)
        GROUP BY p.sequence_id, g.first, g.aligned
    ),

    -- A letter or a gap for every row and column.
    cells AS (
        SELECT *, unnest(string_split(aligned, '')) AS residue,
               unnest(range(1, length(aligned) + 1))::INTEGER AS alignment_column
        FROM alignment_rows
    )

    SELECT row_id, accession, residue, alignment_column, n_sites / length AS rate,
           first - 1 + row_number() OVER (PARTITION BY row_id ORDER BY alignment_column) AS position
    FROM cells
    WHERE residue <> '-'
