-- title: High-attention sites against known features
-- topic: Annotation
-- needs: features
-- answers: Do high-attention sites mark active and binding sites? Pooled over the proteins that have the feature and
--   were searched for sites, each sequence once: where it has several accessions with the feature, the first. A
--   disulfide bond and a cross-link are their two ends; any other feature is all its residues.
-- parameters:
--   types texts = Active site,Binding site: Types of feature.
--   within ints 0..1000 = 0,1,2,4: Residues along the sequence by which a site may miss; 0 is the residue itself.
--   proteins proteins = all: Ids to count over.
-- columns:
--   type: Type of feature.
--   within: Residues along the sequence by which a site may miss.
--   n_proteins: Proteins, one for each sequence; also those without a site.
--   n_sites: Their sites.
--   n_labelled: Their residues that carry the feature.
--   n_hits: Sites at such a residue, or within reach of one.
--   precision: Share of the sites that are hits.
--   precision_low: Lower end of its 95 % Wilson interval, sites taken as independent.
--   precision_high: Upper end.
--   recall: Share of the residues with the feature that have a site within reach.
--   background: Precision of as many sites anywhere in the same proteins.
--   enrichment: Precision over this background; 1 is by chance.
--   enrichment_low: Lower end of its 95 % interval with whole proteins as what is independent.
--   enrichment_high: Upper end.
--   matched_background: Precision of as many sites on the same letters of the same proteins.
--   matched_enrichment: Precision over that: what is left beyond a liking for letters.
-- grain: type, within
-- source: Nayar, Tartici and Altman 2025 for the sites; Wilson 1927; interval over proteins: Cochran 1977, 6.4.
WITH carriers AS (
    SELECT type, min(accession) AS accession, any_value(length) AS length, any_value(n_sites) AS n_sites
    FROM features JOIN proteins AS p USING (accession)
    WHERE type IN (SELECT unnest($types::VARCHAR[])) AND p.layer IS NOT NULL
          AND ($proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[])))
    GROUP BY type, p.sequence_id
),
labelled AS (
    SELECT DISTINCT c.type, c.accession, c.length,
           unnest(CASE WHEN c.type IN ('Disulfide bond', 'Cross-link') THEN [f.begin, f.end]
                       ELSE range(f.begin, f.end + 1) END)::INTEGER AS position
    FROM carriers AS c JOIN features AS f ON f.accession = c.accession AND f.type = c.type
),
reaches AS (SELECT DISTINCT unnest($within::INTEGER[]) AS within),
near AS (
    SELECT DISTINCT type, accession, within,
           unnest(range(greatest(position - within, 1), least(position + within, length) + 1))::INTEGER AS position
    FROM labelled, reaches
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
    SELECT type, accession, within, sequence[position] AS residue, count(*) AS n_near
    FROM near JOIN proteins USING (accession)
    GROUP BY ALL
),
matched AS (
    SELECT type, accession, within, sum(n_near / n_letter) AS matched
    FROM sites JOIN near_letters USING (accession, residue) JOIN letters USING (accession, residue)
    GROUP BY ALL
),
hits AS (
    SELECT n.type, n.accession, within, count(*) AS n_hits
    FROM near AS n JOIN sites AS s ON s.accession = n.accession AND s.position = n.position
    GROUP BY ALL
),
distances AS (
    SELECT l.type, l.accession, l.position, min(abs(s.position - l.position)) AS distance
    FROM labelled AS l LEFT JOIN sites AS s ON s.accession = l.accession
    GROUP BY ALL
),
found AS (
    SELECT type, accession, within, count(*) AS n_labelled,
           count(*) FILTER (distance <= within) AS n_found
    FROM distances, reaches
    GROUP BY ALL
),
areas AS (SELECT type, accession, within, sum(n_near) AS n_near FROM near_letters GROUP BY ALL),
by_protein AS (
    SELECT type, accession, within, length, n_sites, n_labelled, n_found, coalesce(n_hits, 0) AS n_hits,
           n_sites * n_near / length AS expected, coalesce(matched, 0) AS matched
    FROM carriers CROSS JOIN reaches JOIN found USING (type, accession, within)
    JOIN areas USING (type, accession, within)
    LEFT JOIN hits USING (type, accession, within)
    LEFT JOIN matched USING (type, accession, within)
),
pooled AS (
    SELECT type, within, count(*) AS n_proteins, sum(n_sites)::BIGINT AS n, sum(n_labelled)::BIGINT AS n_labelled,
           sum(n_found)::BIGINT AS n_found, sum(n_hits)::BIGINT AS k, sum(n_hits) / nullif(sum(n_sites), 0) AS p,
           sum(expected) AS expected, sum(matched) AS matched, sum(n_hits) / nullif(sum(expected), 0) AS ratio,
           sum(n_hits * n_hits) AS kk, sum(n_hits * expected) AS ke, sum(expected * expected) AS ee, 1.96 AS z
    FROM by_protein
    GROUP BY type, within
),
errors AS (
    SELECT *, sqrt(n_proteins / nullif(n_proteins - 1, 0) * greatest(kk - 2 * ratio * ke + ratio ^ 2 * ee, 0))
              / nullif(expected, 0) AS se
    FROM pooled
),
wilson AS (
    SELECT *, (p + z ^ 2 / (2 * n)) / (1 + z ^ 2 / nullif(n, 0)) AS middle,
           z * sqrt(p * (1 - p) / n + z ^ 2 / (4 * n ^ 2)) / (1 + z ^ 2 / nullif(n, 0)) AS half
    FROM errors
)
SELECT type, within, n_proteins, n AS n_sites, n_labelled, k AS n_hits, round(p, 4) AS precision,
       round(CASE WHEN middle < half THEN 0 ELSE middle - half END, 4) AS precision_low,
       round(middle + half, 4) AS precision_high,
       round(n_found / n_labelled, 4) AS recall, round(expected / nullif(n, 0), 4) AS background,
       round(ratio, 2) AS enrichment,
       round(CASE WHEN ratio < z * se THEN 0 ELSE ratio - z * se END, 2) AS enrichment_low,
       round(ratio + z * se, 2) AS enrichment_high, round(matched / nullif(n, 0), 4) AS matched_background,
       round(k / nullif(matched, 0), 2) AS matched_enrichment
FROM wilson
ORDER BY type, within
