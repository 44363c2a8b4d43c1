-- title: High-attention sites against simpler choices of residues
-- topic: Annotation
-- needs: features
-- answers: Do high-attention sites find a feature better than the residues that receive most attention in the last
--   layer, in any other one, or in any at all? Each layer chooses as many residues of a protein as this has sites; each
--   sequence counts once, as in `sites_at_features`.
-- parameters:
--   type text = Active site: Type of feature.
--   within int 0..1000 = 0: Residues along the sequence by which a choice may miss; 0 is the residue itself.
--   proteins proteins = all: Ids to count over.
-- columns:
--   choice: `sites`; `layer` and its number: the residues that receive most in it; `any layer`: those of all
--     layers together, which are more; `random`: residues anywhere in the protein.
--   layer: Layer of the choice, 0-based; empty where it is of none.
--   is_last: It is the last layer.
--   n_proteins: Proteins with the feature and a site.
--   n_chosen: Residues chosen.
--   n_hits: Those at the feature, or within reach of it.
--   precision: Share of the chosen that are hits.
--   precision_low: Lower end of its 95 % Wilson interval, residues taken as independent.
--   precision_high: Upper end.
--   enrichment: Hits over those of as many residues of each protein anywhere in it; 1 is by chance.
--   matched_enrichment: Precision over that of residues with the same letters in the same proteins.
-- grain: choice
-- source: Nayar, Tartici and Altman 2025 for the sites; Wilson 1927. Ties break by position, as in the rule of the
--   sites; attention received is read as stored, in 16 bits.
WITH carriers AS (
    SELECT any_value(type) AS type, min(accession) AS accession, any_value(length) AS length,
           any_value(n_sites) AS n_sites
    FROM features JOIN proteins AS p USING (accession)
    WHERE type = $type AND n_sites > 0
          AND ($proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[])))
    GROUP BY p.sequence_id
),
labelled AS (
    SELECT DISTINCT c.type, c.accession, c.length,
           unnest(CASE WHEN c.type IN ('Disulfide bond', 'Cross-link') THEN [f.begin, f.end]
                       ELSE range(f.begin, f.end + 1) END)::INTEGER AS position
    FROM carriers AS c JOIN features AS f ON f.accession = c.accession AND f.type = c.type
),
near AS (
    SELECT DISTINCT type, accession,
           unnest(range(greatest(position - $within, 1), least(position + $within, length) + 1))::INTEGER AS position
    FROM labelled
),
letters AS (
    SELECT accession, residue, count(*) AS n_letter
    FROM (
        SELECT accession, unnest(string_split(sequence, '')) AS residue
        FROM proteins SEMI JOIN carriers USING (accession)
    )
    GROUP BY accession, residue
),
near_letters AS (
    SELECT type, accession, sequence[position] AS residue, count(*) AS n_near
    FROM near JOIN proteins USING (accession)
    GROUP BY ALL
),
profiles AS (
    SELECT accession, position, residue, n_sites, unnest(received) AS received,
           unnest(range(len(received)))::SMALLINT AS layer
    FROM residues JOIN carriers USING (accession)
),
highest AS (
    SELECT accession, position, residue, layer
    FROM profiles
    QUALIFY row_number() OVER (PARTITION BY accession, layer ORDER BY received DESC, position) <= n_sites
),
chosen AS (
    SELECT 'sites' AS choice, NULL::SMALLINT AS layer, accession, position, residue
    FROM sites SEMI JOIN carriers USING (accession)
    UNION ALL
    SELECT 'layer ' || layer, layer, accession, position, residue
    FROM highest
    UNION ALL
    SELECT DISTINCT 'any layer', NULL::SMALLINT, accession, position, residue
    FROM highest
),
areas AS (
    SELECT accession, any_value(n_sites) AS n_sites, sum(n_near) / any_value(length) AS background
    FROM carriers JOIN near_letters USING (accession)
    GROUP BY accession
),
at_features AS (
    SELECT choice, layer, count(*) AS n, count(h.position) AS k, sum(background) AS expected,
           sum(coalesce(n_near, 0) / n_letter) AS matched
    FROM chosen AS c
    JOIN areas AS b ON b.accession = c.accession
    LEFT JOIN near AS h ON h.accession = c.accession AND h.position = c.position
    LEFT JOIN near_letters AS l ON l.accession = c.accession AND l.residue = c.residue
    JOIN letters AS a ON a.accession = c.accession AND a.residue = c.residue
    GROUP BY choice, layer
),
at_random AS (
    SELECT count(*) AS n_proteins, sum(n_sites)::BIGINT AS n, sum(n_sites * background) AS expected
    FROM areas
),
choices AS (
    SELECT choice, layer, n, k::DOUBLE AS k, expected, matched, 1.96 AS z
    FROM at_features
    UNION ALL
    SELECT 'random', NULL, n, expected, expected, NULL, NULL
    FROM at_random
    WHERE n > 0
),
shared AS (SELECT c.*, k / c.n AS p, n_proteins FROM choices AS c, at_random),
wilson AS (
    SELECT *, (p + z ^ 2 / (2 * n)) / (1 + z ^ 2 / n) AS middle,
           z * sqrt(p * (1 - p) / n + z ^ 2 / (4 * n ^ 2)) / (1 + z ^ 2 / n) AS half
    FROM shared
)
SELECT choice, layer, coalesce(layer = (SELECT max(layer) FROM choices), false) AS is_last, n_proteins, n AS n_chosen,
       round(k, 2) AS n_hits, round(p, 4) AS precision,
       round(CASE WHEN middle < half THEN 0 ELSE middle - half END, 4) AS precision_low,
       round(middle + half, 4) AS precision_high,
       round(k / nullif(expected, 0), 2) AS enrichment, round(k / nullif(matched, 0), 2) AS matched_enrichment
FROM wilson
ORDER BY p DESC, choice
