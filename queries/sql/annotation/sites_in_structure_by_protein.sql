-- title: High-attention sites near known features in space, one by one
-- topic: Annotation
-- needs: features, coordinates
-- answers: In which proteins do high-attention sites lie within some angstrom of active or binding sites, and which?
--   The proteins and structures of `sites_in_structure`. The sums over any of these rows are the numbers of that
--   subset: hits over expected is its enrichment, hits less expected over the root of the variance its z.
-- parameters:
--   types texts of features.type = Active site,Binding site: Types of feature.
--   within int 0..1000 = 8: Angstrom by which a site may miss; 0 is the residue itself.
--   atom text ca|cb = cb: Atom that distances are between: C-alpha, or C-beta (of glycine C-alpha).
--   proteins proteins = all: Ids to list.
-- columns:
--   type: Type of feature.
--   source: File of the structure, of several the one that shows most residues.
--   n_residues: Residues that it shows.
--   n_sites: Sites that it shows.
--   n_sites_unseen: Sites that it does not.
--   n_labelled: Residues with the feature that it shows.
--   n_labelled_unseen: Those that it does not.
--   n_hits: Sites at such a residue, or within reach of one.
--   n_found: Residues with the feature that have a site within reach.
--   precision: Share of the sites that are hits.
--   recall: Share of the residues with the feature that have a site within reach.
--   expected: Hits of as many residues anywhere in the structure, on average.
--   variance: Variance of these hits.
--   matched_expected: Hits of as many residues of the same letters, on average.
--   matched_variance: Variance of these hits.
--   enrichment: Hits over the expected ones.
--   hits: These sites, ten at most, with the angstrom to the nearest residue with the feature.
-- grain: type, accession
-- source: Nayar, Tartici and Altman 2025 for the sites; variances: hypergeometric, of draws without replacement.
WITH carriers AS (SELECT * RENAME (n_sites AS n_all_sites) FROM featured_sequences($types, $proteins)),
labelled AS (FROM featured_residues($types, $proteins)),
points AS (
    SELECT sequence_id, accession AS shown, source, chain, position, residue,
           of_atom($atom, ca_x, cb_x) AS x,
           of_atom($atom, ca_y, cb_y) AS y,
           of_atom($atom, ca_z, cb_z) AS z
    FROM coordinates SEMI JOIN carriers USING (sequence_id)
),
structures AS (
    SELECT sequence_id, shown, source, chain, count(*) AS n_residues
    FROM points
    WHERE isfinite(x) AND isfinite(y) AND isfinite(z)
    GROUP BY sequence_id, shown, source, chain
    QUALIFY row_number() OVER (PARTITION BY sequence_id ORDER BY count(*) DESC, source, chain, shown) = 1
),
seen AS (
    SELECT sequence_id, position, residue, x, y, z
    FROM points JOIN structures USING (sequence_id, shown, source, chain)
    WHERE isfinite(x) AND isfinite(y) AND isfinite(z)
),
labelled_seen AS (SELECT type, sequence_id, position, x, y, z FROM labelled JOIN seen USING (sequence_id, position)),
all_labelled AS (SELECT type, sequence_id, count(*) AS n_all_labelled FROM labelled GROUP BY ALL),
counted AS (
    SELECT type, sequence_id, c.accession, n_all_sites, source, chain, n_residues, n_all_labelled,
           count(*) AS n_labelled
    FROM carriers AS c JOIN structures USING (sequence_id) JOIN all_labelled USING (type, sequence_id)
    JOIN labelled_seen USING (type, sequence_id)
    GROUP BY ALL
),
nearest AS (
    SELECT l.type, s.sequence_id, s.position, s.residue,
           sqrt(min((s.x - l.x) ^ 2 + (s.y - l.y) ^ 2 + (s.z - l.z) ^ 2)) AS distance
    FROM seen AS s JOIN labelled_seen AS l ON l.sequence_id = s.sequence_id
    GROUP BY ALL
),
sites_seen AS (
    SELECT DISTINCT s.sequence_id, s.position, s.residue, x, y, z
    FROM sites AS s JOIN seen AS e ON e.sequence_id = s.sequence_id AND e.position = s.position
),
at_sites AS (
    SELECT type, sequence_id, position, residue, distance
    FROM nearest SEMI JOIN sites_seen USING (sequence_id, position)
),
at_labelled AS (
    SELECT l.type, l.sequence_id, l.position, sqrt(min((s.x - l.x) ^ 2 + (s.y - l.y) ^ 2 + (s.z - l.z) ^ 2)) AS distance
    FROM labelled_seen AS l JOIN sites_seen AS s ON s.sequence_id = l.sequence_id
    GROUP BY ALL
),
areas AS (
    SELECT type, sequence_id, residue, count(*) AS n_letter, count(*) FILTER (distance <= $within) AS n_near
    FROM nearest
    GROUP BY ALL
),
hits AS (
    SELECT type, sequence_id, residue, count(*) AS n_sites, count(*) FILTER (distance <= $within) AS n_hits
    FROM at_sites
    GROUP BY ALL
),
found AS (
    SELECT type, sequence_id, count(*) FILTER (distance <= $within) AS n_found
    FROM at_labelled
    GROUP BY ALL
),
matched AS (
    SELECT type, sequence_id, sum(n_near) AS n_near, sum(coalesce(n_sites, 0)) AS n_sites,
           sum(coalesce(n_hits, 0)) AS n_hits, sum(coalesce(n_sites * n_near / n_letter, 0)) AS matched,
           sum(coalesce(hypergeometric_variance(n_sites, n_near, n_letter), 0)) AS matched_variance
    FROM areas LEFT JOIN hits USING (type, sequence_id, residue)
    GROUP BY ALL
),
named AS (
    SELECT type, sequence_id,
           list(residue || position || ' ' || round(distance, 1) ORDER BY position) FILTER (distance <= $within)
           AS at_features
    FROM at_sites
    GROUP BY ALL
),
by_protein AS (
    SELECT c.*, m.n_sites, n_hits, coalesce(n_found, 0) AS n_found, m.n_sites * n_near / n_residues AS expected,
           hypergeometric_variance(m.n_sites, n_near, n_residues) AS variance, matched_variance, at_features,
           matched
    FROM counted AS c JOIN matched AS m USING (type, sequence_id) LEFT JOIN found USING (type, sequence_id)
    LEFT JOIN named USING (type, sequence_id)
)
SELECT b.type, b.accession, p.entry_name, b.source, b.chain, n_residues, b.n_sites,
       n_all_sites - b.n_sites AS n_sites_unseen, n_labelled, n_all_labelled - n_labelled AS n_labelled_unseen, n_hits,
       n_found, round(n_hits / nullif(b.n_sites, 0), 4) AS precision, round(n_found / n_labelled, 4) AS recall,
       round(expected, 6) AS expected, round(variance, 6) AS variance, round(b.matched, 6) AS matched_expected,
       round(matched_variance, 6) AS matched_variance, round(n_hits / nullif(b.expected, 0), 2) AS enrichment,
       array_to_string(at_features[:10], ', ') AS hits
FROM by_protein AS b JOIN proteins AS p USING (accession)
ORDER BY b.type, n_hits DESC, b.expected, b.accession
