-- title: The sites of aligned proteins, with their columns
-- topic: Families
-- answers: Where in an alignment does each site lie, and in how many of the other rows is the column a site, too? A
--   sequence under several accessions is one row, that of its first accession.
-- parameters:
--   alignment alignment: Aligned proteins; ids may end in /FIRST-LAST, and rows may be pieces of the sequences.
-- columns:
--   alignment_column: Column of the alignment, from 1.
--   n_others: Other rows with a residue at this column.
--   n_others_with_site: Other rows with a site at this column.
--   n_others_alike: Other rows with the same letter at this column, a site or not.
-- example: alignment=examples/gpcrs.fasta
-- grain: accession, position, alignment_column
-- source: Nayar, Tartici and Altman 2025 for the sites.
WITH letters AS (FROM alignment_letters($alignment)),

-- Of each letter its column: how many letters it has, how many of them sites, how many the same letter.
columns_of_letters AS (
    SELECT l.*, s.rank, s.share, count(*) OVER of_column AS n_column,
           count(s.position) OVER of_column AS n_with_site,
           count(*) OVER (PARTITION BY l.alignment_column, l.residue) AS n_alike
    FROM letters AS l LEFT JOIN sites AS s ON s.accession = l.accession AND s.position = l.position
    WINDOW of_column AS (PARTITION BY l.alignment_column)
)

SELECT accession, position, residue, rank, round(share, 3) AS share, alignment_column, n_column - 1 AS n_others,
       n_with_site - 1 AS n_others_with_site, n_alike - 1 AS n_others_alike
FROM columns_of_letters
WHERE rank IS NOT NULL
ORDER BY accession, position, alignment_column
