-- title: Calls to look at twice
-- topic: The atlas
-- answers: Which proteins have 40 sites or more, sites on letters outside the 20 amino acids, or such letters at all?
-- columns:
--   flag: What is unusual: `40 or more sites`, `site on a nonstandard letter`, `nonstandard letters`.
--   n: How many sites or letters.
--   letters: Letters with their positions, ten at most; empty where it is the number of sites.
-- grain: accession, flag
-- source: Nayar, Tartici and Altman 2025, whose published table ends at 39 sites.
WITH many_sites AS (
    SELECT accession, '40 or more sites' AS flag, n_sites AS n, [] AS letters
    FROM proteins
    WHERE n_sites >= 40
),

nonstandard_sites AS (
    SELECT accession, 'site on a nonstandard letter' AS flag, count(*) AS n,
           list(residue || position ORDER BY position) AS letters
    FROM sites
    WHERE is_nonstandard
    GROUP BY accession
),

-- Every letter of the sequences that have nonstandard ones.
letters AS (
    SELECT accession, unnest(string_split(sequence, '')) AS residue, unnest(range(1, length + 1)) AS position
    FROM proteins
    WHERE status = 'ok' AND n_nonstandard > 0
),

nonstandard_letters AS (
    SELECT accession, 'nonstandard letters' AS flag, count(*) AS n,
           list(residue || position ORDER BY position) AS letters
    FROM letters
    WHERE NOT contains('ACDEFGHIKLMNPQRSTVWY', residue)
    GROUP BY accession
),

flags AS (FROM many_sites UNION ALL FROM nonstandard_sites UNION ALL FROM nonstandard_letters)

SELECT f.flag, f.accession, p.entry_name, p.length, f.n, array_to_string(f.letters[:10], ' ') AS letters
FROM flags AS f JOIN proteins AS p USING (accession)
ORDER BY f.flag, f.n DESC, f.accession
