-- title: High-attention sites near known features in space
-- topic: Annotation
-- needs: features, coordinates
-- answers: Do high-attention sites lie within some angstrom of active and binding sites? As `sites_at_features`, but
--   over the residues that a structure shows. One structure of each sequence, its file and chain with most residues; a
--   protein counts if it shows a residue with the feature. What it does not show is counted beside.
-- parameters:
--   types texts of features.type = Active site,Binding site: Types of feature.
--   within ints 0..1000 = 0,4,6,8,10: Angstrom by which a site may miss; 0 is the residue itself.
--   atom text ca|cb = cb: Atom that distances are between: C-alpha, or C-beta (of glycine C-alpha).
--   proteins proteins = all: Ids to count over.
--   replicates int 2..10000 = 1000: Bootstrap replicates.
--   seed int 0.. = 1: Seed of the bootstrap; the same seed gives the same intervals.
-- columns:
--   type: Type of feature.
--   within: Angstrom by which a site may miss.
--   n_proteins: Proteins, one for each sequence, with a structure that shows a residue with the feature.
--   n_left_out: Proteins with the feature that have none.
--   n_sites: Sites that the structures show.
--   n_sites_unseen: Sites of the same proteins that they do not.
--   n_labelled: Residues with the feature that they show.
--   n_labelled_unseen: Those of the same proteins that they do not.
--   n_hits: Sites at such a residue, or within reach of one.
--   precision: Share of the sites that are hits.
--   recall: Share of the residues with the feature that have a site within reach.
--   background: Precision of as many residues anywhere in the same structures.
--   enrichment: Precision over this background; 1 is by chance.
--   enrichment_low: Lower end of its 95 % interval, by a bootstrap of whole proteins; empty for fewer than two, and too
--     narrow for a handful of proteins or hits. Where nothing is hit, that of a Poisson count of 0.
--   enrichment_high: Upper end.
--   log10_p: Logarithm to base 10 of the chance of so many hits or more, times the number of rows (Bonferroni), 0 at
--     most; of a binomial with the mean of this background, which overstates it where hits are above that.
--   matched_background: Precision of as many residues of the same letters of the same structures.
--   matched_enrichment: Precision over that: what is left beyond a liking for letters.
--   matched_low: Lower end of its interval, by the same bootstrap.
--   matched_high: Upper end.
--   matched_log10_p: As `log10_p`, with the mean of the matched background.
-- grain: type, within
-- source: Nayar, Tartici and Altman 2025 for the sites; percentile bootstrap with Poisson weights: Chamandy et al.
--   2012; Hoeffding 1956 for the binomial as a bound on a sum of hypergeometrics.
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
reaches AS (SELECT DISTINCT unnest($within::INTEGER[]) AS within),
areas AS (
    SELECT type, sequence_id, within, residue, count(*) AS n_letter, count(*) FILTER (distance <= within) AS n_near
    FROM nearest, reaches
    GROUP BY ALL
),
hits AS (
    SELECT type, sequence_id, within, residue, count(*) AS n_sites, count(*) FILTER (distance <= within) AS n_hits
    FROM at_sites, reaches
    GROUP BY ALL
),
found AS (
    SELECT type, sequence_id, within, count(*) FILTER (distance <= within) AS n_found
    FROM at_labelled, reaches
    GROUP BY ALL
),
matched AS (
    SELECT type, sequence_id, within, sum(n_near) AS n_near, sum(coalesce(n_sites, 0)) AS n_sites,
           sum(coalesce(n_hits, 0)) AS n_hits, sum(coalesce(n_sites * n_near / n_letter, 0)) AS matched
    FROM areas LEFT JOIN hits USING (type, sequence_id, within, residue)
    GROUP BY ALL
),
by_protein AS (
    SELECT c.*, within, m.n_sites, n_hits, coalesce(n_found, 0) AS n_found, m.n_sites * n_near / n_residues AS expected,
           matched
    FROM counted AS c JOIN matched AS m USING (type, sequence_id) LEFT JOIN found USING (type, sequence_id, within)
),
weights AS (
    FROM bootstrap_weights((SELECT list(DISTINCT accession) FROM counted), $replicates, $seed)
),
replicates AS (
    SELECT type, within, replicate, sum(weight * n_hits) / sum(weight * expected) AS ratio,
           sum(weight * n_hits) / nullif(sum(weight * matched), 0) AS matched_ratio
    FROM by_protein JOIN weights USING (accession)
    WHERE expected > 0
    GROUP BY ALL
),
intervals AS (
    SELECT type, within, quantile_cont(ratio, [0.025, 0.975]) AS ratios,
           quantile_cont(matched_ratio, [0.025, 0.975]) AS matched_ratios
    FROM replicates
    GROUP BY ALL
),
pooled AS (
    SELECT type, within, count(accession) AS n_proteins, count(*) FILTER (expected > 0) AS n_with_sites,
           coalesce(sum(n_sites), 0)::BIGINT AS n, coalesce(sum(n_all_sites), 0)::BIGINT AS n_all_sites,
           coalesce(sum(n_labelled), 0)::BIGINT AS n_labelled,
           coalesce(sum(n_all_labelled), 0)::BIGINT AS n_all_labelled, sum(n_found)::BIGINT AS n_found,
           coalesce(sum(n_hits), 0)::BIGINT AS k, sum(expected) AS expected, sum(matched) AS matched
    FROM (SELECT DISTINCT type FROM carriers) CROSS JOIN reaches LEFT JOIN by_protein USING (type, within)
    GROUP BY type, within
),
nulls AS (
    SELECT type, within, n, k, unnest(['any', 'matched']) AS which, unnest([expected, matched]) / n AS q
    FROM pooled
    WHERE n > 0
),
terms AS (
    SELECT type, within, which, n, q, unnest(range(k, n + 1)) AS i
    FROM nulls
    WHERE k > 0 AND q BETWEEN 1e-300 AND 1 - 1e-12
),
logs AS (
    SELECT type, within, which,
           log_choose(n, i) + i * ln(q) + (n - i) * ln(1 - q) AS log_term
    FROM terms
),
largest AS (SELECT type, within, which, max(log_term) AS most FROM logs GROUP BY ALL),
tails AS (
    SELECT type, within, which, (any_value(most) + ln(sum(exp(log_term - most)))) / ln(10) AS log10_tail
    FROM logs JOIN largest USING (type, within, which)
    GROUP BY ALL
),
left_out AS (
    SELECT type, count(*) AS n_left_out FROM carriers ANTI JOIN counted USING (type, sequence_id) GROUP BY type
),
tested AS (
    SELECT p.*, coalesce(n_left_out, 0) AS n_left_out, count(*) FILTER (n > 0) OVER () AS n_tests,
           coalesce(a.log10_tail, 0) AS log10_tail, coalesce(m.log10_tail, 0) AS matched_log10_tail,
           CASE WHEN n_with_sites > 1 THEN CASE WHEN k > 0 THEN ratios ELSE [0, 3.689 / expected] END END AS ratios,
           CASE WHEN n_with_sites > 1 THEN CASE WHEN k > 0 THEN matched_ratios
                                                WHEN matched > 0 THEN [0, 3.689 / matched] END END AS matched_ratios
    FROM pooled AS p
    LEFT JOIN left_out AS o ON o.type = p.type
    LEFT JOIN intervals AS i ON i.type = p.type AND i.within = p.within
    LEFT JOIN tails AS a ON a.type = p.type AND a.within = p.within AND a.which = 'any'
    LEFT JOIN tails AS m ON m.type = p.type AND m.within = p.within AND m.which = 'matched'
)
SELECT type, within, n_proteins, n_left_out, n AS n_sites, n_all_sites - n AS n_sites_unseen, n_labelled,
       n_all_labelled - n_labelled AS n_labelled_unseen, k AS n_hits, round(k / nullif(n, 0), 4) AS precision,
       round(n_found / nullif(n_labelled, 0), 4) AS recall, round(expected / nullif(n, 0), 4) AS background,
       round(k / nullif(expected, 0), 2) AS enrichment,
       round(ratios[1], 2) AS enrichment_low, round(ratios[2], 2) AS enrichment_high,
       CASE WHEN n > 0 THEN round(bonferroni(log10_tail, n_tests), 2) + 0 END AS log10_p,
       round(matched / nullif(n, 0), 4) AS matched_background,
       round(k / nullif(matched, 0), 2) AS matched_enrichment,
       round(matched_ratios[1], 2) AS matched_low, round(matched_ratios[2], 2) AS matched_high,
       CASE WHEN n > 0 THEN round(bonferroni(matched_log10_tail, n_tests), 2) + 0 END AS matched_log10_p
FROM tested
ORDER BY type, within
