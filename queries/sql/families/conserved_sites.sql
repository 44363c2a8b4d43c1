-- title: Sites conserved across aligned proteins
-- topic: Families
-- answers: At which columns of an alignment do several proteins have a site? A sequence under several accessions is
--   one row, that of its first accession; rows that are not in the atlas are left out by name.
-- parameters:
--   alignment alignment: Aligned proteins; ids may end in /FIRST-LAST, and rows may be pieces of the sequences.
--   min_sites int 1.. = 1: Fewest rows with a site at the column.
-- columns:
--   alignment_column: Column of the alignment, from 1.
--   n_rows: Rows with a residue, no gap, at this column.
--   n_sites: Rows with a site at this column.
--   share: Rows with a site over rows.
--   expected: Sites at this column if those of each protein lay anywhere in it: sum of its sites over its length.
--   letters: Letters of all rows at this column, the commonest first, with their numbers.
--   sites: Accession with letter and position of these sites, ten at most.
-- example: alignment=examples/gpcrs.fasta min_sites=2
-- grain: alignment_column
-- source: Nayar, Tartici and Altman 2025 for the sites. Aligned proteins are no independent trials, so no interval.
WITH letters AS (FROM alignment_letters($alignment)),

-- Every letter of the alignment, and whether it is a site.
at_columns AS (
    SELECT l.*, s.position IS NOT NULL AS is_site
    FROM letters AS l LEFT JOIN sites AS s ON s.accession = l.accession AND s.position = l.position
),

letter_counts AS (
    SELECT alignment_column, list(residue || n ORDER BY n DESC, residue) AS letters
    FROM (SELECT alignment_column, residue, count(*) AS n FROM letters GROUP BY alignment_column, residue)
    GROUP BY alignment_column
),

-- Sites of a column beside the number expected at the rate of sites of each protein.
alignment_columns AS (
    SELECT alignment_column, count(*) AS n_rows, count(*) FILTER (is_site) AS n_sites, sum(rate) AS expected,
           list(accession || ':' || residue || position ORDER BY accession, position) FILTER (is_site) AS sites
    FROM at_columns
    GROUP BY alignment_column
)

SELECT alignment_column, n_rows, n_sites, round(n_sites / n_rows, 3) AS share, round(expected, 3) AS expected,
       array_to_string(letters, ' ') AS letters, array_to_string(sites[:10], ' ') AS sites
FROM alignment_columns JOIN letter_counts USING (alignment_column)
WHERE n_sites >= $min_sites
ORDER BY n_sites DESC, share DESC, alignment_column
