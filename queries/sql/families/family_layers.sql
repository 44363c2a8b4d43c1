-- title: The layer in which each family converges
-- topic: Families
-- needs: families
-- answers: Which families are there, how many sites do they have, and do their proteins converge in one layer, more
--   often than other sequences of the atlas do? Each distinct sequence counts once. Sequences of a family are
--   homologues, not independent draws: the p value takes them as independent.
-- parameters:
--   database text of families.database = Pfam: Database of the families.
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
--   share_low: Lower end of its 95 % Wilson interval, of the layer as if it had been named beforehand; empty for fewer
--     than five sequences. `log10_p` answers another question: it allows for the choice among layers and families.
--   share_high: Upper end of that interval.
--   background: Share of the sequences outside of the family that converge in this layer.
--   ratio: The share over the background.
--   log10_p: Logarithm to base 10 of the chance that so many sequences, drawn from all, converge in this layer so often
--     or more, times the number of layers and of families with one (Bonferroni), 0 at most; empty for fewer
--     than five sequences.
-- grain: family
-- source: Nayar, Tartici and Altman 2025; Wilson 1927; hypergeometric tail (Fisher's exact test, one-sided).
WITH distinct_sequences AS (
    SELECT sequence_id, any_value(layer) AS layer, any_value(n_sites) AS n_sites
    FROM proteins
    WHERE layer IS NOT NULL AND ($proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[])))
    GROUP BY sequence_id
),

-- Every protein of the families asked for, computed or not.
family_members AS (
    SELECT family, accession, md5, p.sequence_id, name
    FROM families AS f JOIN proteins AS p USING (accession)
    WHERE lower(database) = lower($database) AND ($families IS NULL OR family IN (SELECT unnest($families::VARCHAR[])))
          AND ($proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[])))
),

-- The MD5 identifies sequences here, because those that were not computed have no number.
sizes AS (
    SELECT family, min(name) AS name, count(DISTINCT accession) AS n_proteins, count(DISTINCT md5) AS n_sequences
    FROM family_members
    GROUP BY family
    HAVING count(DISTINCT md5) >= $min_size
),

-- Members that were computed, each sequence once.
members AS (
    SELECT DISTINCT family, sequence_id, layer, c.n_sites
    FROM family_members JOIN sizes USING (family) JOIN distinct_sequences AS c USING (sequence_id)
),

member_counts AS (
    SELECT family, count(*) AS n, median(n_sites) AS median_sites, count(*) FILTER (n_sites > 0) AS n_with_sites
    FROM members
    GROUP BY family
),

layer_counts AS (SELECT family, layer, count(*) AS k FROM members GROUP BY family, layer),

commonest_layers AS (
    SELECT family, arg_min(layer, (-k, layer)) AS layer, max(k) AS k
    FROM layer_counts
    GROUP BY family
),

-- The same layer over all sequences of the atlas.
totals AS (
    SELECT layer, count(*) AS k_all, sum(count(*)) OVER ()::BIGINT AS n_all FROM distinct_sequences GROUP BY layer
),

-- The share at the commonest layer, and how likely so many are by chance in the atlas.
tests AS (
    SELECT family, layer, k, n, k_all, n_all, k / n AS p, (k_all - k) / nullif(n_all - n, 0) AS background,
           n >= fewest_proteins() AS is_enough, n_with_sites, median_sites,
           hypergeometric_log10_tail(k, n, k_all, n_all) AS log10_tail,
           (SELECT count(*) FROM totals) * (SELECT count(*) FROM member_counts) AS n_tests
    FROM commonest_layers JOIN member_counts USING (family) JOIN totals USING (layer)
)

SELECT family, name, n_proteins, n_sequences, coalesce(n, 0) AS n_fitted,
       round(n_with_sites / n, 4) AS share_with_sites, median_sites, layer, coalesce(k, 0) AS n_at_layer,
       round(p, 4) AS share_at_layer,
       CASE WHEN is_enough THEN round(wilson_low(p, n, normal_95()), 4) END AS share_low,
       CASE WHEN is_enough THEN round(wilson_high(p, n, normal_95()), 4) END AS share_high,
       round(background, 4) AS background, round(p / nullif(background, 0), 2) AS ratio,
       CASE WHEN is_enough THEN round(bonferroni(log10_tail, n_tests), 2) + 0 END AS log10_p
FROM sizes LEFT JOIN tests USING (family)
ORDER BY n_sequences DESC, family
