-- title: Residues just below the elbow
-- topic: Sites
-- answers: Which residues would have been the next sites, and how far below the last site are they?
-- parameters:
--   proteins proteins: Ids of proteins.
--   n int 1.. = 3: Residues below the elbow to show for each protein.
-- columns:
--   n_sites: Sites of the protein, all above these residues.
--   last_site_share: Share of the lowest site.
--   place: 1 for the first residue below the elbow.
--   layer: Layer of convergence of the protein, 0-based.
--   received: Attention received in that layer.
--   share: `received` over the largest in that layer of this protein.
-- example: proteins=P07550,P08100,P14416,P29274
-- grain: accession, position
-- source: Nayar, Tartici and Altman 2025; the profiles are stored in float16.
WITH searched AS (
    SELECT accession, entry_name, layer, n_sites
    FROM proteins
    WHERE layer IS NOT NULL AND accession IN (SELECT unnest($proteins::VARCHAR[]))
),

profile AS (
    SELECT accession, position, residue, at_layer(r.received, c.layer) AS received
    FROM residues AS r JOIN searched AS c USING (accession)
),

shares AS (
    SELECT *, received / max(received) OVER (PARTITION BY accession) AS share
    FROM profile
),

-- The residues that are no sites, by what they receive.
ranked AS (
    SELECT *, row_number() OVER (PARTITION BY accession ORDER BY received DESC, position) AS place
    FROM shares ANTI JOIN sites USING (accession, position)
),

-- The share of the last site, below which the runners-up are.
last_sites AS (SELECT accession, min(share) AS share FROM sites SEMI JOIN searched USING (accession) GROUP BY accession)

SELECT accession, c.entry_name, c.layer, c.n_sites, round(l.share, 3) AS last_site_share, r.place, r.position,
       r.residue, round(r.received, 3) AS received, round(r.share, 3) AS share
FROM ranked AS r JOIN searched AS c USING (accession) LEFT JOIN last_sites AS l USING (accession)
WHERE r.place <= $n
ORDER BY accession, r.place, r.position
