-- title: High-attention sites against simpler choices of residues
-- topic: Annotation
-- needs: features
-- answers: Do high-attention sites find a feature better than chance, than residues of the same letters, or than those
--   that receive most attention in the last layer, or in any other? A layer chooses as many residues of a protein as
--   this has sites. Each sequence counts once, as in `sites_at_features`. The best of many layers is chosen with
--   hindsight: believe it on other proteins first. An atlas without the table `head_max_sites` has no row of those.
-- parameters:
--   types texts of features.type = Active site,Binding site: Types of feature.
--   within ints 0..1000 = 0: Residues along the sequence by which a choice may miss; 0 is the residue itself.
--   proteins proteins = all: Ids to count over.
--   replicates int 2..10000 = 1000: Bootstrap replicates.
--   seed int 0.. = 1: Seed of the bootstrap; the same seed gives the same intervals.
-- columns:
--   type: Type of feature.
--   within: Residues along the sequence by which a choice may miss.
--   method: `high-attention sites`; `head-max sites`: called alike, from the largest head and not the mean; `last
--     layer, top n`: the residues that receive most in it; `any layer, top n`: the same of another layer; `all layers,
--     top n`: those of all layers together, which are more; `random`: what as many residues of a protein as it has
--     sites hit on average, anywhere; `random of the same letters`: of residues with the letters of the sites.
--   layer: Layer that chooses, 0-based; empty where it is none, or each protein's own.
--   n_proteins: Proteins with the feature, one for each sequence; also those without a site.
--   n_sites: Residues chosen.
--   n_labelled: Residues of these proteins that carry the feature.
--   n_hits: Those at the feature, or within reach of it; of the random choices the mean.
--   precision: Share of the chosen that are hits.
--   recall: Share of the residues with the feature that have a chosen one within reach; not known of the same letters.
--   expected: Hits of as many residues anywhere in each protein.
--   sd: Standard deviation of these; of the same letters that of its own hits.
--   background: Precision of as many residues anywhere in each protein.
--   enrichment: Precision over this background; 1 is by chance.
--   enrichment_low: Lower end of its 95 % interval, by a bootstrap of whole proteins; empty for fewer than two, and too
--     narrow for a handful of proteins or hits. Where nothing is hit, that of a Poisson count of 0.
--   enrichment_high: Upper end.
--   difference_low: Lower end of that of the enrichment of the high-attention sites less this one, by the same
--     replicates; above 0 where the sites are better. Empty where neither hits.
--   difference_high: Upper end.
--   z: Hits less the expected ones, over their standard deviation.
--   log10_p: Logarithm to base 10 of the chance of so many hits or more, times the number of tests in this answer
--     (Bonferroni), 0 at most; of a binomial with the expected mean, which overstates it where hits are above that.
-- grain: type, within, method, layer
-- source: Nayar, Tartici and Altman 2025 for the sites; hypergeometric mean and variance, summed over proteins;
--   Hoeffding 1956 for the binomial as a bound; percentile bootstrap with Poisson weights: Chamandy et al. 2012. Ties
--   break by position, as in the rule of the sites; attention received is read as stored, in 16 bits.
WITH carriers AS (FROM featured_sequences($types, $proteins)),
searched AS (SELECT DISTINCT accession, length, n_sites FROM carriers),
labelled AS (FROM featured_residues($types, $proteins)),
reaches AS (SELECT DISTINCT unnest($within::INTEGER[]) AS within),
near AS (
    SELECT DISTINCT type, accession, within,
           unnest(positions_within(position, within, length)) AS position
    FROM labelled, reaches
),
areas AS (SELECT type, accession, within, count(*) AS n_near FROM near GROUP BY ALL),
profiles AS (
    SELECT accession, position, n_sites, unnest(received) AS received, unnest(range(len(received)))::SMALLINT AS layer
    FROM residues JOIN searched USING (accession)
    WHERE n_sites > 0
),
highest AS (
    SELECT accession, layer, unnest(arg_max(position, row(received, -position), n_sites)) AS position
    FROM profiles
    GROUP BY accession, layer, n_sites
),
chosen AS (
    SELECT 'high-attention sites' AS method, NULL::SMALLINT AS layer, accession, position
    FROM sites SEMI JOIN searched USING (accession)
    UNION ALL
    SELECT 'head-max sites', NULL, accession, position
    FROM head_max_sites SEMI JOIN searched USING (accession)
    UNION ALL
    SELECT CASE WHEN layer = max(layer) OVER () THEN 'last layer, top n' ELSE 'any layer, top n' END, layer, accession,
           position
    FROM highest
    UNION ALL
    SELECT DISTINCT 'all layers, top n', NULL::SMALLINT, accession, position
    FROM highest
),
chosen_of_proteins AS (
    SELECT 'high-attention sites' AS method, NULL::SMALLINT AS layer, accession, n_sites FROM searched
    UNION ALL
    SELECT method, layer, accession, count(*) FROM chosen WHERE method <> 'high-attention sites' GROUP BY ALL
),
hits AS (
    SELECT method, layer, type, within, accession, count(*) AS n_hits
    FROM chosen JOIN near USING (accession, position)
    GROUP BY ALL
),
by_protein AS (
    SELECT c.method, c.layer, a.type, a.within, c.accession, c.n_sites, coalesce(n_hits, 0)::DOUBLE AS n_hits,
           c.n_sites * n_near / length AS expected,
           hypergeometric_variance(c.n_sites, n_near, length)
           AS variance
    FROM chosen_of_proteins AS c
    JOIN searched USING (accession)
    JOIN areas AS a USING (accession)
    LEFT JOIN hits AS h
    ON h.accession = c.accession AND h.type = a.type AND h.within = a.within AND h.method = c.method
       AND h.layer IS NOT DISTINCT FROM c.layer
),
letters AS (
    SELECT accession, residue, count(*) AS n_letter
    FROM (
        SELECT accession, unnest(string_split(sequence, '')) AS residue
        FROM proteins SEMI JOIN searched USING (accession)
    )
    GROUP BY ALL
),
near_letters AS (
    SELECT type, accession, within, sequence[position] AS residue, count(*) AS n_near
    FROM near JOIN proteins USING (accession)
    GROUP BY ALL
),
site_letters AS (
    SELECT accession, residue, count(*) AS n_sites FROM sites SEMI JOIN searched USING (accession) GROUP BY ALL
),
matched AS (
    SELECT type, within, accession, sum(n_sites * n_near / n_letter) AS n_hits,
           sum(hypergeometric_variance(n_sites, n_near, n_letter)) AS variance
    FROM near_letters JOIN letters USING (accession, residue) JOIN site_letters USING (accession, residue)
    GROUP BY ALL
),
choices AS (
    SELECT method, layer, type, within, accession, n_sites, n_hits, expected, variance
    FROM by_protein
    UNION ALL
    SELECT 'random', NULL, type, within, accession, n_sites, expected, expected, variance
    FROM by_protein
    WHERE method = 'high-attention sites'
    UNION ALL
    SELECT 'random of the same letters', NULL, type, within, accession, n_sites, coalesce(m.n_hits, 0), expected,
           coalesce(m.variance, 0)
    FROM by_protein AS b LEFT JOIN matched AS m USING (type, within, accession)
    WHERE method = 'high-attention sites'
),
covered AS (
    SELECT DISTINCT method, layer, accession, within,
           unnest(positions_within(position, within, length)) AS position
    FROM chosen JOIN searched USING (accession), reaches
),
windows AS (
    SELECT l.type, within, s.n_sites AS n, l.length AS n_all,
           l.length - (least(position + within, l.length) - greatest(position - within, 1) + 1) AS n_outside
    FROM labelled AS l JOIN searched AS s USING (accession), reaches
),
found AS (
    SELECT method, layer, type, within, count(*)::DOUBLE AS n_found
    FROM labelled JOIN covered USING (accession, position)
    GROUP BY ALL
    UNION ALL
    SELECT 'random', NULL, type, within,
           sum(CASE WHEN n > n_outside THEN 1
                    ELSE 1 - exp(log_choose(n_outside, n) - log_choose(n_all, n)) END)
    FROM windows
    GROUP BY ALL
),
weights AS (
    FROM bootstrap_weights((SELECT list(DISTINCT accession) FROM searched), $replicates, $seed)
),
of_types AS (
    SELECT type, count(DISTINCT accession) AS n_proteins, count(*) AS n_labelled FROM labelled GROUP BY type
),
summed AS (
    SELECT method, layer, type, within, sum(n_sites)::BIGINT AS n, sum(n_hits) AS k, sum(expected) AS expected,
           sqrt(sum(variance)) AS sd, count(*) FILTER (expected > 0) AS n_with_sites,
           bool_or(method NOT LIKE 'random%' AND n_sites > 0) AS is_tested,
           CASE WHEN method IN ('head-max sites', 'all layers, top n') THEN method ELSE 'high-attention sites' END
           AS as_many_as
    FROM choices
    GROUP BY ALL
),
drawn_hits AS (
    SELECT method, layer, type, within, replicate, sum(weight * n_hits) AS k
    FROM choices JOIN weights USING (accession)
    WHERE n_hits > 0
    GROUP BY ALL
),
drawn_expected AS (
    SELECT method AS as_many_as, type, within, replicate, sum(weight * expected) AS expected
    FROM by_protein JOIN weights USING (accession)
    WHERE expected > 0 AND method IN ('high-attention sites', 'head-max sites', 'all layers, top n')
    GROUP BY ALL
),
replicates AS (
    SELECT s.method, s.layer, s.type, s.within, e.replicate, coalesce(d.k, 0) / e.expected AS ratio
    FROM summed AS s
    JOIN drawn_expected AS e ON e.as_many_as = s.as_many_as AND e.type = s.type AND e.within = s.within
    LEFT JOIN drawn_hits AS d
    ON d.method = s.method AND d.layer IS NOT DISTINCT FROM s.layer AND d.type = s.type AND d.within = s.within
       AND d.replicate = e.replicate
),
compared AS (
    SELECT r.*, s.ratio - r.ratio AS difference
    FROM replicates AS r
    LEFT JOIN replicates AS s
    ON s.method = 'high-attention sites' AND r.method <> s.method AND s.type = r.type AND s.within = r.within
       AND s.replicate = r.replicate
),
intervals AS (
    SELECT method, layer, type, within, quantile_cont(ratio, [0.025, 0.975]) AS ratios,
           quantile_cont(difference, [0.025, 0.975]) AS differences
    FROM compared
    GROUP BY ALL
),
answered AS (
    SELECT s.*, n_proteins, n_labelled, coalesce(n_found, 0) AS n_found,
           CASE WHEN n_with_sites > 1 AND is_tested AND k = 0 THEN [0, 3.689 / expected]
                WHEN n_with_sites > 1 THEN ratios END AS ratios,
           CASE WHEN n_with_sites > 1 AND (k > 0 OR differences[2] > 0) THEN differences END AS differences,
           CASE WHEN is_tested THEN binomial_log10_tail(k, n, expected / n) END AS log10_tail,
           count(*) FILTER (is_tested) OVER () AS n_tests
    FROM summed AS s
    JOIN of_types USING (type)
    LEFT JOIN found AS f
    ON f.method = s.method AND f.layer IS NOT DISTINCT FROM s.layer AND f.type = s.type AND f.within = s.within
    LEFT JOIN intervals AS i
    ON i.method = s.method AND i.layer IS NOT DISTINCT FROM s.layer AND i.type = s.type AND i.within = s.within
)
SELECT type, within, method, layer, n_proteins, n AS n_sites, n_labelled, round(k, 2) AS n_hits,
       round(k / nullif(n, 0), 4) AS precision,
       CASE WHEN method <> 'random of the same letters' THEN round(n_found / n_labelled, 4) END AS recall,
       round(expected, 2) AS expected, round(sd, 2) AS sd, round(expected / nullif(n, 0), 4) AS background,
       round(k / nullif(expected, 0), 2) AS enrichment,
       round(ratios[1], 2) AS enrichment_low, round(ratios[2], 2) AS enrichment_high,
       round(differences[1], 2) + 0 AS difference_low, round(differences[2], 2) + 0 AS difference_high,
       CASE WHEN is_tested THEN round((k - expected) / nullif(sd, 0), 2) END AS z,
       CASE WHEN is_tested THEN round(bonferroni(log10_tail, n_tests), 2) + 0 END AS log10_p
FROM answered
ORDER BY type, within, list_position(['high-attention sites', 'head-max sites', 'last layer, top n',
                                      'any layer, top n', 'all layers, top n', 'random'], method) NULLS LAST,
         method, layer
