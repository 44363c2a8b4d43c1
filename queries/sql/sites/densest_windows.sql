-- title: The stretch of each protein that is densest in sites
-- topic: Sites
-- answers: Where in a protein do sites crowd together? The window with the most sites, the first such, per protein.
-- parameters:
--   window int 2..100000 = 30: Length of the window, residues.
--   min_sites int 2.. = 3: Fewest sites in the window.
-- columns:
--   first: Position of the first site of the window.
--   last: Position of the last site of the window.
--   n_in_window: Sites from the first to the last.
--   n_sites: Sites of the whole protein.
--   ratio: Sites in the window over those expected if the sites of the protein were spread evenly.
--   sites: Sites of the window, ten at most.
-- grain: accession
-- source: Nayar, Tartici and Altman 2025; the ratio is of the best of all windows, so it is above 1 by chance as well.
WITH windows AS (
    -- A window for each site, which is its first.
    SELECT accession, position AS first, count(*) OVER ahead AS n_in_window, max(position) OVER ahead AS last,
           list(residue || position) OVER ahead AS sites
    FROM sites
    WINDOW ahead AS (
        PARTITION BY accession ORDER BY position RANGE BETWEEN CURRENT ROW AND ($window - 1)::INTEGER FOLLOWING
    )
),

-- The first of the windows with most sites; a window begins at a site.
densest AS (
    SELECT *
    FROM windows
    WHERE n_in_window >= $min_sites
    QUALIFY row_number() OVER (PARTITION BY accession ORDER BY n_in_window DESC, first) = 1
)

SELECT accession, p.entry_name, p.length, d.first, d.last, d.n_in_window, p.n_sites,
       round(d.n_in_window / (p.n_sites * least($window, p.length) / p.length), 2) AS ratio,
       array_to_string(d.sites[:10], ' ') AS sites
FROM densest AS d JOIN proteins AS p USING (accession)
ORDER BY d.n_in_window DESC, ratio DESC, accession
