-- title: Lengths of the proteins
-- topic: The atlas
-- answers: How long are the proteins that were computed? Counted over distinct sequences, in classes of one width.
-- parameters:
--   width int 1.. = 50: Lengths in a class, residues.
--   last int 1.. = 1500: Length whose class is open: all longer proteins are in it as well.
-- columns:
--   from_length: Shortest length of the class.
--   to_length: Longest length of the class; empty for the last one, which is open.
--   n_sequences: Distinct sequences of the class.
--   n_residues: Their residues.
--   n_all: Sequences of all classes together: one number, in every row.
--   median_length: Median length of all of them, residues.
-- grain: from_length
-- source: Lengths of the stored sequences.
WITH length_classes AS (
    SELECT length, least((length - 1) // $width, greatest($last - 1, 0) // $width) * $width + 1 AS from_length
    FROM sequences
    WHERE status = 'ok'
),

atlas_sums AS (SELECT count(*) AS n_all, median(length) AS median_length FROM length_classes)

SELECT from_length::INTEGER AS from_length,
       CASE WHEN from_length + $width <= $last THEN (from_length + $width - 1)::INTEGER END AS to_length,
       count(*) AS n_sequences, sum(length)::BIGINT AS n_residues, any_value(n_all) AS n_all,
       any_value(median_length) AS median_length
FROM length_classes, atlas_sums
GROUP BY from_length
ORDER BY from_length
