-- title: Whether high-attention sites tell families apart
-- topic: Families
-- needs: families
-- answers: Are the sites of two proteins of a family more alike than those of proteins of two families, and is that so
--   of random residues as well? A protein is the set of its sites, a site the attention it receives in each layer over
--   the largest of that layer, to two decimals. Two sets are as alike as the mean of two means: of the best cosine to a
--   site of the other, over the sites of each. A sequence under several accessions counts once, and one without a site
--   not at all. Pairs of proteins are not independent, so the p value of the KS test, as published, is far too small:
--   read the AUC, whose interval and p value take whole sequences as independent, and the gain. Homologues are not
--   independent either. The atlas has no embeddings; the mean profile and the composition are the baselines instead.
-- parameters:
--   database text of families.database = Pfam: Whose families.
--   families texts of families.family = all: Families to report; the others stay in as what they are compared with.
--   per text family|size|all = family: A row for each family, or the mean over the families of a size or over all.
--   method text every|sites|random|letters|profile|composition = every: What a protein is represented by.
--   against text families|rest = families: What a family is compared with. `families`: each other family, the nearest
--     for the silhouette; a sequence of several is counted in the largest, the first by name among equals. `rest`:
--     all other sequences with sites as one, whatever they belong to.
--   min_size int 2.. = 5: Fewest sequences with sites of a family.
--   max_size int 2.. = 100000: Most.
--   max_members int 2.. = 100: Most sequences taken of a family; which, is drawn by a hash.
--   max_proteins int 4.. = 2000: Most sequences compared, for the work grows with their square. Families are taken
--     whole, those to report first and else in the order of a hash; for `rest`, other sequences fill up.
--   proteins proteins = all: Ids to draw from.
--   seed int 0.. = 0: Another number draws other residues and, where there are too many, other sequences and families.
-- columns:
--   family: Identifier of the family; with `per=size` the range of sizes, with `per=all` the word `all`.
--   name: Name of the family.
--   method: `sites`: high-attention sites. `random`: as many random residues of each protein, its sites not excluded.
--     `letters`: as many random residues of the same letters. `profile`: one vector, the mean over all residues.
--     `composition`: one vector, the counts of the 20 amino acids.
--   n_families: Families in this row.
--   n_sequences: Sequences with sites of the family, those counted with a larger family included; mean over families.
--   n_members: Those that stand for it here.
--   n_others: Sequences they are compared with, mean over families.
--   within: Mean similarity of two members.
--   between: Mean similarity of a member to another.
--   silhouette: Mean over members of how much nearer they are to their own than to the nearest other family, or to the
--     rest: -1 to 1. With many other families, the nearest of them is near by chance: below 0 is no surprise.
--   silhouette_low: Lower end of its 95 % interval by Student's t, members (where families are pooled: families) as
--     what is independent.
--   silhouette_high: Upper end.
--   ks: Largest difference of the distributions of similarity within and between (Kolmogorov-Smirnov).
--   log10_p: Logarithm to base 10 of its asymptotic two-sided p value times the number of families reported
--     (Bonferroni), 0 at most. Where the statistic is 1, for the next smaller one that so many pairs can give.
--   n_separated: Families whose AUC has an interval above 0.5, of 95 % over all families of the method at once
--     (Bonferroni).
--   auc: Chance that a member is more like another member than like one of the others, ties counted half; mean over
--     members. 0.5 is none, whatever the number of families.
--   auc_low: Lower end of its 95 % interval by Student's t: jackknife over members; where families are pooled, over
--     families. Empty for a family of two.
--   auc_high: Upper end.
--   auc_t: AUC less 0.5 over its standard error; empty where this is 0.
--   auc_log10_p: Logarithm to base 10 of its two-sided p value times the number of rows of the method (Bonferroni), 0
--     at most.
--   gain: Mean over members of the silhouette less that of the same member by `letters`; empty if that was not asked.
--   gain_low: Lower end of its 95 % interval, as for the silhouette.
--   gain_high: Upper end.
--   n_compared: Sequences in the comparison, of all families.
--   n_compared_families: Families in it.
--   n_left_out: Families of the size asked for that are not in it: of fewer than `min_size` after what is counted with
--     larger ones, or beyond `max_proteins`.
-- grain: family, method
-- source: Nayar, Tartici and Altman 2025 for the representation; Rousseeuw 1987 (silhouette); Simard and L'Ecuyer 2011
--   (tail of the KS statistic) and Vrbik 2018 (its middle), n = n1 n2 / (n1 + n2); Mann and Whitney 1947; Student's t
--   over members of a family, or over families.
WITH searched AS (
    SELECT sequence_id AS id, min(accession) AS accession, any_value(md5) AS md5
    FROM proteins
    WHERE n_sites > 0 AND ($proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[])))
    GROUP BY sequence_id
),
carriers AS (
    SELECT f.family, f.sequence_id AS id, min(f.name) AS name
    FROM families AS f SEMI JOIN searched AS s ON s.id = f.sequence_id
    WHERE lower(f.database) = lower($database)
    GROUP BY f.family, f.sequence_id
),
sized AS (
    SELECT family, count(*) AS n_sequences, min(name) AS name
    FROM carriers
    GROUP BY family
    HAVING count(*) BETWEEN $min_size AND $max_size
),
assigned AS (
    SELECT family, id
    FROM carriers JOIN sized USING (family)
    QUALIFY $against = 'rest' OR row_number() OVER (PARTITION BY id ORDER BY n_sequences DESC, family) = 1
),
drawn AS (
    SELECT a.family, a.id, count(*) OVER (PARTITION BY a.family) AS n_assigned
    FROM assigned AS a JOIN searched AS s USING (id)
    QUALIFY row_number() OVER (PARTITION BY a.family ORDER BY md5(concat($seed, ' ', s.md5)), id) <= $max_members
),
compared AS (
    SELECT family, $families IS NULL OR family IN (SELECT unnest($families::VARCHAR[])) AS is_reported,
           row_number() OVER (ORDER BY family)::INTEGER AS f
    FROM drawn
    WHERE n_assigned >= $min_size
    GROUP BY family
    QUALIFY sum(count(*)) OVER (ORDER BY is_reported DESC, md5(concat($seed, ' ', family)), family) <= $max_proteins
),
members AS (SELECT family, f, id, is_reported FROM drawn JOIN compared USING (family)),
standing AS (SELECT id, min(f) AS f, bool_or(is_reported) AS is_reported FROM members GROUP BY id),
pool AS (
    SELECT s.id, s.accession, s.md5, coalesce(m.is_reported, false) AS is_reported,
           CASE $against WHEN 'families' THEN m.f ELSE 1 END AS cluster
    FROM searched AS s LEFT JOIN standing AS m USING (id)
    WHERE m.id IS NOT NULL OR ($against = 'rest' AND EXISTS (FROM members))
    QUALIFY row_number() OVER (ORDER BY m.id IS NULL, md5(concat($seed, ' ', s.md5)), s.id) <= $max_proteins
),
carried AS (
    SELECT c.id, k.f, m.id IS NOT NULL AS is_own
    FROM carriers AS c JOIN compared AS k USING (family) LEFT JOIN members AS m USING (family, id)
    WHERE m.id IS NOT NULL OR $against = 'rest'
),
layers AS (
    SELECT p.id, unnest(r.received)::DOUBLE AS received, unnest(range(len(r.received))) AS layer
    FROM residues AS r JOIN pool AS p USING (accession)
),
tops AS (
    SELECT id, list(nullif(most, 0) ORDER BY layer) AS tops,
           list(coalesce(mean / nullif(most, 0), 0) ORDER BY layer) AS means
    FROM (SELECT id, layer, max(received) AS most, avg(received) AS mean FROM layers GROUP BY id, layer)
    GROUP BY id
),
placed AS (
    SELECT p.id, r.position, r.residue, r.received, s.position IS NOT NULL AS is_site,
           md5(concat($seed, ' ', p.md5, ' ', r.position)) AS ticket
    FROM residues AS r JOIN pool AS p USING (accession) LEFT JOIN sites AS s USING (accession, position)
),
lots AS (
    SELECT id, received::DOUBLE[] AS received, is_site,
           row_number() OVER (PARTITION BY id ORDER BY ticket, position)
           <= count(*) FILTER (is_site) OVER (PARTITION BY id) AS is_random,
           row_number() OVER (PARTITION BY id, residue ORDER BY ticket, position)
           <= count(*) FILTER (is_site) OVER (PARTITION BY id, residue) AS is_letter
    FROM placed
),
methods AS (
    SELECT unnest(['sites', 'random', 'letters', 'profile', 'composition']) AS method, unnest(range(5))::INTEGER AS m
),
drawings AS (
    SELECT unnest(CASE WHEN is_site THEN [0] ELSE [] END || CASE WHEN is_random THEN [1] ELSE [] END
                  || CASE WHEN is_letter THEN [2] ELSE [] END) AS m, id, received
    FROM lots
    WHERE is_site OR is_random OR is_letter
),
bare AS (
    SELECT m, id, [coalesce(round(x / t.tops[i], 2), 0) FOR x, i IN d.received] AS vector
    FROM drawings AS d JOIN tops AS t USING (id)
    UNION ALL
    SELECT 3, id, means FROM tops
    UNION ALL
    SELECT 4, p.id, [length(q.sequence) - length(replace(q.sequence, x, ''))
                     FOR x IN string_split('ACDEFGHIKLMNPQRSTVWY', '')]::DOUBLE[]
    FROM pool AS p JOIN proteins AS q USING (accession)
),
vectors AS (
    SELECT m, id, [coalesce(x / nullif(sqrt(list_inner_product(b.vector, b.vector)), 0), 0) FOR x IN b.vector] AS unit
    FROM bare AS b JOIN methods USING (m)
    WHERE $method IN ('every', method)
),
sets AS (
    SELECT m, id, is_reported, list(unit) AS units
    FROM vectors JOIN pool USING (id)
    GROUP BY m, id, is_reported
),
pairs AS (
    SELECT m, a.id, b.id AS other,
           list_avg([list_max([list_inner_product(x, y) FOR y IN b.units]) FOR x IN a.units]) AS of_a,
           list_avg([list_max([list_inner_product(x, y) FOR x IN a.units]) FOR y IN b.units]) AS of_b,
           round(1e6 * (of_a + of_b) / 2)::INTEGER AS similarity
    FROM sets AS a JOIN sets AS b USING (m)
    WHERE a.id < b.id AND (a.is_reported OR b.is_reported)
),
directed AS (
    SELECT m, id, other, similarity FROM pairs
    UNION ALL
    SELECT m, other, id, similarity FROM pairs
),
related AS (
    SELECT 5 * a.f + d.m AS class, d.id, d.other, d.similarity, coalesce(c.is_own, false)::INTEGER AS own,
           CASE WHEN c.is_own THEN 0 ELSE p.cluster END AS cluster
    FROM directed AS d JOIN members AS a ON a.id = d.id AND a.is_reported
    JOIN pool AS p ON p.id = d.other
    LEFT JOIN carried AS c ON c.id = d.other AND c.f = a.f
    WHERE c.is_own IS DISTINCT FROM false
),
distances AS (
    SELECT class, id, cluster, count(*) AS n, sum(similarity) / 1e6 AS total, 1 - total / n AS distance
    FROM related
    GROUP BY class, id, cluster
),
of_members AS (
    SELECT class, id, min(distance) FILTER (cluster > 0) AS far, min(distance) FILTER (cluster = 0) AS near,
           coalesce((far - near) / nullif(greatest(far, near), 0), 0 * (far + near)) AS silhouette,
           sum(n) FILTER (cluster = 0) AS n_own, coalesce(sum(n) FILTER (cluster > 0), 0) AS n_others,
           sum(total) FILTER (cluster = 0) AS own_total, sum(total) FILTER (cluster > 0) AS others_total
    FROM distances
    GROUP BY class, id
),
of_classes AS (
    SELECT class, count(*) AS n_members, sum(n_own) AS n_own, sum(n_others) AS n_others,
           any_value(n_others) AS n_others_of_member, sum(own_total) / sum(n_own) AS within,
           sum(others_total) / nullif(sum(n_others), 0) AS between
    FROM of_members
    GROUP BY class
),
all_ranks AS (
    SELECT class, id, other, similarity, own, rank() OVER of_class AS in_class, cume_dist() OVER of_class AS share,
           rank() OVER of_member AS in_member, cume_dist() OVER of_member AS share_of_member
    FROM related
    WINDOW of_class AS (PARTITION BY class ORDER BY similarity),
           of_member AS (PARTITION BY class, id ORDER BY similarity)
),
own_ranks AS (
    SELECT a.class, id, other, n_own, n_others,
           in_class - rank() OVER of_class AS others_below, rank() OVER of_class - 1 AS own_below,
           cume_dist() OVER of_class AS own_share, share * (n_own + n_others) - own_share * n_own AS others_upto,
           in_member - rank() OVER of_member AS less_like,
           share_of_member * (n_members - 1 + n_others_of_member)
           - cume_dist() OVER of_member * (n_members - 1) AS not_more_like,
           (less_like + not_more_like) / (2 * nullif(n_others_of_member, 0)) AS chance
    FROM all_ranks AS a JOIN of_classes AS c ON c.class = a.class
    WHERE own = 1
    WINDOW of_class AS (PARTITION BY a.class ORDER BY similarity),
           of_member AS (PARTITION BY a.class, id ORDER BY similarity)
),
statistics AS (
    SELECT class, round(avg(chance), 12) AS auc,
           max(greatest(own_share - others_upto / nullif(n_others, 0),
                        others_below / nullif(n_others, 0) - own_below / n_own)) AS ks
    FROM own_ranks
    GROUP BY class
),
parts AS (
    SELECT class, id, sum(chance) AS part
    FROM (SELECT class, id, chance FROM own_ranks UNION ALL SELECT class, other, chance FROM own_ranks)
    GROUP BY class, id
),
without_one AS (
    SELECT class, (n_members * (n_members - 1) * auc - part) / nullif((n_members - 1) * (n_members - 2), 0) AS auc,
           n_members
    FROM parts JOIN of_classes USING (class) JOIN statistics USING (class)
),
jackknife AS (
    SELECT class, sqrt(any_value(n_members) - 1) * CASE WHEN max(auc) - min(auc) > 1e-12 THEN stddev_pop(auc)
                                                        WHEN max(auc) IS NOT NULL THEN 0 END AS auc_se
    FROM without_one
    GROUP BY class
),
areas AS (
    SELECT class, auc, auc_se, count(auc) OVER (PARTITION BY class % 5) AS n_tests,
           auc - auc_se * student_t_quantile(0.025 / n_tests, n_members - 1) > 0.5 AS is_separated
    FROM statistics JOIN jackknife USING (class) JOIN of_classes USING (class)
),
tested AS (
    SELECT class, round_even(n_own / 2 * n_others / (n_own / 2 + n_others), 0) AS n,
           least(ks, 1 - 1 / (n_own / 2 + n_others)) AS d,
           sqrt(n) * d + 1 / (6 * sqrt(n)) + (sqrt(n) * d - 1) / (4 * n) AS z
    FROM statistics JOIN of_classes USING (class)
    WHERE n_others > 0
),
terms AS (
    SELECT class, n, d, unnest(range(floor(n * (1 - d))::BIGINT + 1)) AS j
    FROM tested
    WHERE n * d ^ 2 >= 1 OR d >= 0.5
),
logarithms AS (
    SELECT class, ln(2 * d) + log_choose(n, j) + (j - 1) * ln(d + j / n)
                  + (n - j) * ln(greatest(1 - d - j / n, 1e-300)) AS term,
           max(term) OVER (PARTITION BY class) AS most
    FROM terms
),
tails AS (SELECT class, any_value(most) + ln(sum(exp(term - most))) AS tail FROM logarithms GROUP BY class),
p_values AS (
    SELECT class, coalesce(tail, CASE WHEN z > 0.3 THEN ln(2 * list_sum([(-1) ^ (k - 1) * exp(-2 * (k * z) ^ 2)
                                                                         FOR k IN range(1, 20)])) ELSE 0 END)
                  / ln(10) AS log10_tail,
           bonferroni(log10_tail, count(*) OVER (PARTITION BY class % 5)) AS log10_p
    FROM tested LEFT JOIN tails USING (class)
),
gains AS (
    SELECT a.class, avg(a.silhouette - b.silhouette) AS gain,
           stddev_samp(a.silhouette - b.silhouette) / sqrt(count(*)) AS gain_se
    FROM of_members AS a JOIN of_members AS b ON b.id = a.id AND b.class = a.class - a.class % 5 + 2
    GROUP BY a.class
),
spreads AS (
    SELECT class, round(avg(silhouette), 12) AS silhouette, stddev_samp(silhouette) / sqrt(count(*)) AS silhouette_se
    FROM of_members
    GROUP BY class
),
of_families AS (
    SELECT *, CASE WHEN $per = 'family' THEN family WHEN $per = 'all' THEN 'all' WHEN n_sequences < 5 THEN '2-4'
                   WHEN n_sequences < 10 THEN '5-9' WHEN n_sequences < 20 THEN '10-19'
                   WHEN n_sequences < 50 THEN '20-49' ELSE '50 or more' END AS grouped
    FROM of_classes JOIN spreads USING (class) JOIN (SELECT class, ks FROM statistics) USING (class)
    JOIN (SELECT class, auc, auc_se, is_separated FROM areas) USING (class)
    LEFT JOIN p_values USING (class) LEFT JOIN gains USING (class)
    JOIN compared ON f = class // 5 JOIN sized USING (family) JOIN methods ON m = class % 5
),
pooled AS (
    SELECT grouped, m, any_value(method) AS method, count(*) AS n_families, avg(n_sequences) AS n_sequences,
           avg(n_members) AS n_members, avg(n_others_of_member) AS n_others, avg(within) AS within,
           avg(between) AS between, avg(silhouette) AS silhouette, avg(ks) AS ks, avg(auc) AS auc, avg(gain) AS gain,
           CASE $per WHEN 'family' THEN any_value(name) END AS name,
           CASE $per WHEN 'family' THEN any_value(log10_p) END AS log10_p,
           count(*) FILTER (is_separated) AS n_separated, min(n_sequences) AS least,
           CASE $per WHEN 'family' THEN any_value(silhouette_se)
                     ELSE stddev_samp(silhouette) / sqrt(count(silhouette)) END AS silhouette_se,
           CASE $per WHEN 'family' THEN any_value(auc_se) ELSE stddev_samp(auc) / sqrt(count(auc)) END AS auc_se,
           CASE $per WHEN 'family' THEN any_value(gain_se) ELSE stddev_samp(gain) / sqrt(count(gain)) END AS gain_se
    FROM of_families
    GROUP BY grouped, m
),
quantiles AS (
    SELECT *, CASE $per WHEN 'family' THEN n_members ELSE n_families END - 1 AS df,
           student_t_quantile(0.025, df) AS quantile, (auc - 0.5) / nullif(auc_se, 0) AS t
    FROM pooled
),
ordered AS (
    SELECT *, bonferroni(student_t_log10_tail(t, df), count(auc) OVER (PARTITION BY m)) AS auc_log10_p,
           CASE $per WHEN 'family' THEN -first_value(silhouette) OVER (PARTITION BY grouped ORDER BY m)
                        ELSE min(least) OVER (PARTITION BY grouped) END AS turn
    FROM quantiles
)
SELECT grouped AS family, name, method, n_families, round(n_sequences, 1) AS n_sequences,
       round(n_members, 1) AS n_members, round(n_others, 1) AS n_others, round(within, 4) AS within,
       round(between, 4) AS between, round(silhouette, 4) AS silhouette,
       round(clamped(silhouette - quantile * silhouette_se, -1, 1), 4) AS silhouette_low,
       round(clamped(silhouette + quantile * silhouette_se, -1, 1), 4) AS silhouette_high,
       round(ks, 4) AS ks, round(log10_p, 2) + 0 AS log10_p,
       n_separated, round(auc, 4) AS auc,
       round(clamped(auc - quantile * auc_se, 0, 1), 4) AS auc_low,
       round(clamped(auc + quantile * auc_se, 0, 1), 4) AS auc_high, round(t, 2) + 0 AS auc_t,
       round(auc_log10_p, 2) + 0 AS auc_log10_p, round(gain, 4) AS gain,
       round(gain - quantile * gain_se, 4) AS gain_low, round(gain + quantile * gain_se, 4) AS gain_high,
       (SELECT count(*) FROM pool) AS n_compared, (SELECT count(*) FROM compared) AS n_compared_families,
       (SELECT count(*) FROM sized) - (SELECT count(*) FROM compared) AS n_left_out
FROM ordered
ORDER BY turn NULLS LAST, family, m, method
