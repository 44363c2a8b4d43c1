-- title: The layer in which each family converges
-- topic: Families
-- needs: families
-- answers: Which families are there, how many sites do they have, and do their proteins converge in one layer, more
--   often than other sequences of the atlas do? Each distinct sequence counts once. Sequences of a family are
--   homologues, not independent draws: the p value takes them as independent.
-- parameters:
--   database text of families.database = Pfam: Whose families.
--   families texts of families.family = all: Families to show.
--   min_size int 1.. = 5: Fewest distinct sequences of a family.
--   proteins proteins = all: Ids to count over, background included.
-- columns:
--   n_proteins: Proteins of the family.
--   n_sequences: Their distinct sequences, those without a layer of convergence included.
--   n_fitted: Those with a layer of convergence.
--   share_with_sites: Share of these that have sites.
--   median_sites: Sites of one, median.
--   layer: Layer in which most of them converge, the first among equals, 0-based.
--   n_at_layer: Sequences that converge there.
--   share_at_layer: Their share of those with a layer of convergence.
--   share_low: Lower end of its 95 % Wilson interval.
--   share_high: Upper end.
--   background: Share of the sequences outside of the family that converge in this layer.
--   ratio: The share over the background.
--   log10_p: Logarithm to base 10 of the chance that so many sequences, drawn from all, converge in this layer so often
--     or more, times the number of layers and of families with one (Bonferroni), 0 at most.
-- grain: family
-- source: Nayar, Tartici and Altman 2025; Wilson 1927; hypergeometric tail (Fisher's exact test, one-sided).
WITH computed AS (
    SELECT sequence_id AS id, any_value(layer) AS layer, any_value(n_sites) AS n_sites
    FROM proteins
    WHERE layer IS NOT NULL AND ($proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[])))
    GROUP BY sequence_id
),
rows AS (
    SELECT family, accession, md5, p.sequence_id AS id, name
    FROM families AS f JOIN proteins AS p USING (accession)
    WHERE lower(database) = lower($database) AND ($families IS NULL OR family IN (SELECT unnest($families::VARCHAR[])))
          AND ($proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[])))
),
sizes AS (
    SELECT family, min(name) AS name, count(DISTINCT accession) AS n_proteins, count(DISTINCT md5) AS n_sequences
    FROM rows
    GROUP BY family
    HAVING count(DISTINCT md5) >= $min_size
),
members AS (SELECT DISTINCT family, id, layer, n_sites FROM rows JOIN sizes USING (family) JOIN computed USING (id)),
fits AS (
    SELECT family, count(*) AS n, median(n_sites) AS median_sites, count(*) FILTER (n_sites > 0) AS n_with
    FROM members
    GROUP BY family
),
layers AS (SELECT family, layer, count(*) AS k FROM members GROUP BY family, layer),
modes AS (SELECT family, arg_min(layer, (-k, layer)) AS layer, max(k) AS k FROM layers GROUP BY family),
totals AS (SELECT layer, count(*) AS k_all, sum(count(*)) OVER () AS n_all FROM computed GROUP BY layer),
tested AS (
    SELECT m.family, m.layer, m.k, f.n, t.k_all, t.n_all::BIGINT AS n_all, k / n AS p,
           unnest(range(m.k, least(f.n, t.k_all) + 1)) AS i
    FROM modes AS m JOIN fits AS f USING (family) JOIN totals AS t USING (layer)
),
logarithms AS (
    SELECT family, layer, k, n, k_all, n_all,
           log_choose(k_all, i) + log_choose(n_all - k_all, n - i) - log_choose(n_all, n) AS term
    FROM tested
    WHERE n - i <= n_all - k_all
),
tails AS (
    SELECT family, layer, k, n, k_all, n_all, k / n AS p, max(term) / ln(10) AS most,
           log10(sum(exp(term - top))) AS rest
    FROM (SELECT *, max(term) OVER (PARTITION BY family) AS top FROM logarithms)
    GROUP BY family, layer, k, n, k_all, n_all
)
SELECT family, name, n_proteins, n_sequences, coalesce(f.n, 0) AS n_fitted,
       round(n_with / f.n, 4) AS share_with_sites, median_sites, t.layer, coalesce(t.k, 0) AS n_at_layer,
       round(p, 4) AS share_at_layer,
       round(wilson_low(p, t.n, 1.96), 4) AS share_low, round(wilson_high(p, t.n, 1.96), 4) AS share_high,
       round((k_all - k) / nullif(n_all - t.n, 0), 4) AS background,
       round(p / nullif((k_all - k) / nullif(n_all - t.n, 0), 0), 2) AS ratio,
       round(bonferroni(most + rest, n_tests), 2) + 0 AS log10_p
FROM sizes CROSS JOIN (SELECT (SELECT count(*) FROM totals) * (SELECT count(*) FROM fits) AS n_tests)
LEFT JOIN fits AS f USING (family) LEFT JOIN tails AS t USING (family)
ORDER BY n_sequences DESC, family
