-- title: High-attention sites against simpler choices of residues
-- topic: Annotation
-- needs: features
-- answers: Do high-attention sites find a feature better than chance, than residues of the same letters, or than the
--   residues that receive most attention in the last layer, or in any other layer? A layer chooses as many residues
--   of a protein as the protein has sites. Each sequence counts once, as in `sites_at_features`. The best of many
--   layers is chosen with hindsight: check it on other proteins first. An atlas without the table `head_max_sites`
--   has no row for these sites.
-- parameters:
--   types texts of features.type = Active site,Binding site: Types of feature.
--   within ints 0..1000 = 0: Residues along the sequence by which a choice may miss; 0 is the residue itself.
--   proteins proteins = all: Ids to count over.
-- columns:
--   type: Type of feature.
--   within: Residues along the sequence by which a choice may miss.
--   method: `high-attention sites`; `head-max sites`: called by the same rule, from the largest head instead of the
--     mean; `last layer, top n`: the residues that receive most in the last layer; `any layer, top n`: the same for
--     another layer; `all layers, top n`: those of all layers together, which are more residues; `random`: what as
--     many residues of a protein as it has sites hit on average, anywhere; `random of the same letters`: the same for
--     residues with the letters of the sites.
--   layer: Layer that chooses, 0-based; empty if no layer does, or if it is each protein's own layer.
--   n_proteins: Proteins with the feature, also those without a site; each sequence counts once.
--   n_sites: Residues chosen.
--   n_labelled: Residues of these proteins that carry the feature.
--   n_hits: Chosen residues at the feature, or within reach of it; for the random choices, their mean.
--   precision: Share of the chosen residues that are hits.
--   recall: Share of the residues with the feature that have a chosen residue within reach; unknown for random
--     residues of the same letters.
--   expected: Hits of as many residues anywhere in each protein.
--   sd: Standard deviation of these hits; for random residues of the same letters, that of their own hits.
--   background: Precision of as many residues anywhere in each protein.
--   enrichment: Precision over this background; 1 by chance.
--   enrichment_low: Lower end of its interval, with proteins as the independent units, by Student's t: jackknife over
--     proteins, or the spread by chance alone if that is wider. Its level is `confidence`.
--   enrichment_high: Upper end.
--   difference_low: Lower end of the interval of a difference: the enrichment of the high-attention sites less that
--     of this choice, at the same level, by the same jackknife. Above 0, the sites are better. The difference is not
--     tested.
--   difference_high: Upper end.
--   t: Student's t of the enrichment against 1, by the same error as the interval.
--   log10_p: Logarithm to base 10 of its two-sided p value times the number of tests in this answer (Bonferroni), 0 at
--     most. It is below -1.3 if and only if the interval leaves out 1.
--   confidence: Level of the intervals: 1 - 0.05 / number of tests, so that all hold at once with 95 %.
--   note: Why a choice that could be tested has no interval and no p value; empty if it has them.
-- grain: type, within, method, layer
-- source: Nayar, Tartici and Altman 2025 for the sites; hypergeometric mean and variance, summed over proteins;
--   jackknife over proteins: Tukey 1958, Cochran 1977, 6.15, with Student's t. Ties break by position, as in the rule
--   of the sites; attention received is read as stored, in 16 bits.
WITH of_proteins AS (FROM choice_hits($types, $within::INTEGER[], $proteins)),

-- What there is to find, for every choice alike.
type_counts AS (
    SELECT type, count(DISTINCT accession) AS n_proteins, count(*) AS n_labelled
    FROM featured_residues($types, $proteins)
    GROUP BY type
),

totals AS (
    SELECT method, layer, type, within, sum(n_chosen)::BIGINT AS n_chosen, sum(n_hits) AS n_hits,
           nullif(sum(expected), 0) AS expected, sum(expected ^ 2) AS expected_squares, sum(variance) AS variance,
           count(*) FILTER (expected > 0) AS n_counted, bool_or(is_tested) AS is_tested
    FROM of_proteins
    GROUP BY method, layer, type, within
),

-- The change of the enrichment of a choice without each protein.
protein_changes AS (
    SELECT p.method, p.layer, p.type, p.within, p.accession,
           change_without(p.n_hits, p.expected, t.n_hits, t.expected) AS change
    FROM of_proteins AS p JOIN totals AS t
    ON t.method = p.method AND t.layer IS NOT DISTINCT FROM p.layer AND t.type = p.type AND t.within = p.within
),

-- The same for the high-attention sites, with which every other choice is compared.
site_changes AS (
    SELECT type, within, accession, change FROM protein_changes WHERE method = 'high-attention sites'
),

site_totals AS (
    SELECT type, within, sum(change ^ 2) AS squares FROM site_changes GROUP BY type, within
),

-- The same for the difference between the sites and a choice. Proteins in which a choice has no residue have no row
-- here, and change only the sites: what they add to the sum of squares is in `site_totals`.
changes AS (
    SELECT p.method, p.layer, p.type, p.within, sum(p.change ^ 2) AS squares,
           sum((s.change - p.change) ^ 2 - s.change ^ 2) AS extra_squares
    FROM protein_changes AS p JOIN site_changes AS s USING (type, within, accession)
    GROUP BY p.method, p.layer, p.type, p.within
),

-- Enrichment of each choice, its error and degrees of freedom.
errors AS (
    SELECT t.*, n_hits / expected AS enrichment, c.extra_squares, count(*) FILTER (is_tested) OVER () AS n_tests,
           error_over_proteins(n_counted, c.squares, CASE WHEN is_tested THEN variance / expected ^ 2 ELSE 0 END)
           AS error,
           effective_df(n_counted, expected, expected_squares) AS df
    FROM totals AS t JOIN changes AS c
    ON c.method = t.method AND c.layer IS NOT DISTINCT FROM t.layer AND c.type = t.type AND c.within = t.within
),

-- Each choice against chance, and, by its difference, against the sites.
tests AS (
    SELECT e.*, ratio_test(e.enrichment - 1, e.error, e.df, e.n_tests) AS test,
           CASE WHEN e.method <> 'high-attention sites' THEN s.enrichment - e.enrichment END AS difference,
           error_over_proteins(s.n_counted, greatest(site_totals.squares + e.extra_squares, 0), 0)
           * student_t_quantile(tail_chance(e.n_tests), CASE WHEN e.df < s.df THEN e.df ELSE s.df END)
           AS difference_reach
    FROM errors AS e
    LEFT JOIN errors AS s ON s.method = 'high-attention sites' AND s.type = e.type AND s.within = e.within
    LEFT JOIN site_totals ON site_totals.type = e.type AND site_totals.within = e.within
)

SELECT type, tests.within AS within, tests.method AS method, tests.layer AS layer, n_proteins, n_chosen AS n_sites,
       n_labelled, round(tests.n_hits, 2) AS n_hits,
       round(tests.n_hits / nullif(n_chosen, 0), 4) AS precision,
       CASE WHEN tests.method <> 'random of the same letters'
            THEN round(coalesce(n_found, 0) / n_labelled, 4) END AS recall,
       round(coalesce(tests.expected, 0), 2) AS expected, round(sqrt(variance), 2) AS sd,
       round(tests.expected / nullif(n_chosen, 0), 4) AS background, round(tests.enrichment, 2) AS enrichment,
       round(clamped(tests.enrichment - test.reach, 0, tests.enrichment), 2) AS enrichment_low,
       round(tests.enrichment + test.reach, 2) AS enrichment_high,
       round(difference - difference_reach, 2) + 0 AS difference_low,
       round(difference + difference_reach, 2) + 0 AS difference_high,
       CASE WHEN is_tested THEN round(test.t, 2) + 0 END AS t,
       CASE WHEN is_tested THEN round(test.log10_p, 2) + 0 END AS log10_p,
       round(test.confidence, 6) AS confidence,
       CASE WHEN is_tested OR n_chosen = 0 THEN why_untested(n_counted, df, error) END AS note
FROM tests JOIN type_counts USING (type)
LEFT JOIN choices_found($types, $within::INTEGER[], $proteins) AS f
ON f.method = tests.method AND f.layer IS NOT DISTINCT FROM tests.layer AND f.type = tests.type
   AND f.within = tests.within
ORDER BY type, tests.within, list_position(['high-attention sites', 'head-max sites', 'last layer, top n',
                                      'any layer, top n', 'all layers, top n', 'random'], tests.method) NULLS LAST,
         tests.method, tests.layer
