-- title: Whether high-attention sites tell families apart
-- topic: Families
-- needs: families
-- answers: Are the sites of two proteins of a family more alike than those of proteins of two families, and is that
--   so for random residues as well? A protein is the set of its sites; a site is the attention it receives in each
--   layer, over the largest of that layer, to two decimals. The similarity of two sets is the mean of two means: of
--   the best cosine to a site of the other set, over the sites of each set. A sequence with several accessions counts
--   once, and a sequence without a site not at all. Read the AUC and the gain: if a family is a random choice of
--   sequences, they are 0.5 and 0, and both have an interval whose unit is the sequence. The p value of the KS test,
--   as published, treats pairs of proteins as independent and is far too small. The silhouette has no such known
--   value, so the silhouettes of two methods cannot be compared. Homologues are not independent either. The baselines
--   are the mean profile, the composition and, once `attlas embed` has added it, the mean-pooled embedding.
-- parameters:
--   database text of families.database = Pfam: Database of the families that are compared.
--   families texts of families.family = all: Families to report; the others stay in the comparison.
--   per text family|size|all = family: A row for each family, or the mean over the families of a size, or over all.
--   method text every|sites|random|letters|profile|composition|embedding = every: What a protein is represented by.
--   against text families|rest = families: What a family is compared with. `families`: each other family, the nearest
--     for the silhouette; a sequence of several families counts in the largest of them, among equals in the first by
--     name. `rest`: all other sequences with sites as one group, whatever their families.
--   min_size int 2.. = 5: Smallest family, in sequences with sites.
--   max_size int 2.. = 100000: Largest family, in sequences with sites.
--   max_members int 2.. = 100: Most sequences taken of a family; a hash decides which.
--   max_proteins int 4.. = 2000: Most sequences compared, because the work grows with their square. Families are
--     taken whole, first those to report, then others in the order of a hash; for `rest`, other sequences are added.
--   proteins proteins = all: Ids to draw from.
--   seed int 0.. = 0: Another number draws other residues and, where there are too many, other sequences and families.
-- columns:
--   family: Identifier of the family; with `per=size` the range of sizes, with `per=all` the word `all`.
--   name: Name of the family.
--   method: `sites`: high-attention sites. `random`: as many random residues of each protein, its sites not excluded.
--     `letters`: as many random residues of the same letters. `profile`: one vector, the mean over all residues.
--     `composition`: one vector, the counts of the 20 amino acids. `embedding`: one vector, the mean of the hidden
--     states over all residues, of the last layer that has it in `vectors`.
--   n_families: Families in this row.
--   n_sequences: Sequences of the family with sites, also those that count in a larger family; mean over families.
--   n_members: Sequences that represent the family in the comparison; mean over families.
--   n_others: Sequences they are compared with; mean over families.
--   within: Mean similarity of two members.
--   between: Mean similarity of a member to a sequence outside of the family.
--   silhouette: How much nearer a member is to its own family than to the nearest other family, or to the rest: -1 to
--     1; mean over members. With many other families, one of them is near by chance: a value below 0 is no surprise.
--   silhouette_low: Lower end of its 95 % interval, for this row alone, by Student's t. The unit is the member; if
--     families are pooled, the family. Empty for fewer than five units, or if all have one value.
--   silhouette_high: Upper end of that interval.
--   ks: Largest difference of the distributions of similarity within and between (Kolmogorov-Smirnov).
--   log10_p: Logarithm to base 10 of its asymptotic two-sided p value times the number of families reported
--     (Bonferroni), 0 at most. If the statistic is 1, the p value is that of the next smaller value that so many
--     pairs can give.
--   n_separated: Families whose AUC, in a row of the family alone, has an interval above 0.5.
--   auc: Chance that a member is more like another member than like one of the others, ties counted half; mean over
--     members. For random families it is 0.5 on average, for any number of them.
--   auc_low: Lower end of its interval by Student's t, of 95 % over all rows of the method at once (Bonferroni). The
--     unit is the member, left out in turn (jackknife), with the others as they are; if families are pooled, the
--     family. Empty for fewer than five units, or if all have one value.
--   auc_high: Upper end of that interval.
--   auc_t: AUC less 0.5 over its standard error; empty where there is no interval.
--   auc_log10_p: Logarithm to base 10 of its two-sided p value times the number of rows of the method with one
--     (Bonferroni), 0 at most. Below -1.30 (p = 0.05) exactly where the interval leaves out 0.5.
--   gain: AUC less the AUC of the same members by `letters`; for random families 0 on average. Empty for `letters`
--     itself, and if `letters` is not among the methods.
--   gain_low: Lower end of its interval, of the same kind as that of the AUC.
--   gain_high: Upper end of that interval.
--   n_compared: Sequences in the comparison, of all families.
--   n_compared_families: Families in the comparison.
--   n_left_out: Families of the wanted size that are not in the comparison: they have fewer than `min_size` sequences
--     after those that count in larger families, or are beyond `max_proteins`.
-- grain: family, method
-- source: Nayar, Tartici and Altman 2025 for the representation; Rousseeuw 1987 (silhouette); Simard and L'Ecuyer 2011
--   (tail of the KS statistic) and Vrbik 2018 (its middle), n = n1 n2 / (n1 + n2); Mann and Whitney 1947; Efron and
--   Stein 1981 (jackknife); Student 1908.
WITH searched AS (FROM sequences_with_sites($proteins)),

-- The families of the wanted size, with all their sequences.
carriers AS (
    SELECT f.family, s.sequence_id, any_value(s.md5) AS md5, min(f.name) AS name,
           count(*) OVER (PARTITION BY f.family) AS n_sequences
    FROM families AS f JOIN searched AS s USING (sequence_id)
    WHERE lower(f.database) = lower($database)
    GROUP BY f.family, s.sequence_id
    QUALIFY n_sequences BETWEEN $min_size AND $max_size
),

-- The sequences that represent each family. Where families are compared with one another, a sequence represents one.
members AS (
    SELECT *, dense_rank() OVER (ORDER BY family)::INTEGER AS family_number
    FROM drawn_members('carriers', $families, $against = 'families', $min_size, $max_members, $max_proteins, $seed)
),

-- Each sequence once, whichever families it represents.
member_sequences AS (
    SELECT sequence_id, min(family_number) AS family_number, bool_or(is_reported) AS is_reported
    FROM members
    GROUP BY sequence_id
),

-- All sequences compared. Distances are to clusters: each other family, or the rest as one cluster.
pool AS (
    SELECT sequence_id, s.accession, coalesce(m.is_reported, false) AS is_reported,
           CASE $against WHEN 'families' THEN m.family_number ELSE 0 END AS cluster
    FROM searched AS s LEFT JOIN member_sequences AS m USING (sequence_id)
    WHERE m.family_number IS NOT NULL OR ($against = 'rest' AND EXISTS (FROM members))
    QUALIFY row_number() OVER (ORDER BY m.family_number IS NULL, md5(concat($seed, ' ', s.md5)), sequence_id)
            <= $max_proteins
),

-- The vectors of each sequence by each method.
vectors AS (
    SELECT v.method, p.sequence_id, p.is_reported, v.vectors
    FROM protein_vectors((SELECT list(accession) FROM pool), $method, $seed) AS v JOIN pool AS p USING (accession)
),

-- Whole numbers of millionths: so equal values are equal, and sums do not depend on their order.
similarities AS (
    SELECT method, a.sequence_id AS member, b.sequence_id AS other,
           round(1e6 * set_similarity(a.vectors, b.vectors))::INTEGER AS millionths
    FROM vectors AS a JOIN vectors AS b USING (method)
    WHERE a.sequence_id < b.sequence_id AND (a.is_reported OR b.is_reported)
),

-- For the rest, a carrier of the family that was not drawn is neither a member nor one of the others.
family_sequences AS (
    SELECT c.family, c.sequence_id, m.family IS NOT NULL AS is_member
    FROM carriers AS c SEMI JOIN members AS k USING (family)
    LEFT JOIN members AS m ON m.family = c.family AND m.sequence_id = c.sequence_id
    WHERE m.family IS NOT NULL OR $against = 'rest'
),

-- Each member of a reported family with every sequence it is compared with.
pairs AS (
    SELECT m.family_number, d.method, d.member, d.other, d.millionths, coalesce(f.is_member, false) AS is_own, p.cluster
    FROM (
        SELECT method, member, other, millionths FROM similarities
        UNION ALL
        SELECT method, other, member, millionths FROM similarities
    ) AS d
    JOIN members AS m ON m.sequence_id = d.member AND m.is_reported
    JOIN pool AS p ON p.sequence_id = d.other
    LEFT JOIN family_sequences AS f ON f.sequence_id = d.other AND f.family = m.family
    WHERE f.is_member IS DISTINCT FROM false
),

-- How much is compared, and how many families of the wanted size there are.
extent AS (
    SELECT (SELECT count(*) FROM pool) AS n_compared,
           (SELECT count(DISTINCT family) FROM members) AS n_compared_families,
           (SELECT count(DISTINCT family) FROM carriers) AS n_families_of_size
),

silhouettes AS (FROM member_silhouettes('pairs')),

chances AS (FROM member_chances('pairs')),

-- Means over the members of each family.
comparisons AS (
    SELECT family_number, method, count(*) AS n_members, sum(n_own) AS n_own, sum(n_others) AS n_others,
           any_value(n_others) AS n_others_of_member, sum(own_similarity) / sum(n_own) AS within,
           sum(others_similarity) / nullif(sum(n_others), 0) AS between,
           round(avg(silhouette), 12) AS silhouette, mean_error(silhouette) AS silhouette_error
    FROM silhouettes
    GROUP BY family_number, method
),

aucs AS (SELECT family_number, method, round(avg(chance), 12) AS auc FROM chances GROUP BY family_number, method),

without_members AS (FROM auc_without_members('chances')),

-- The gain is the AUC less that of `letters`; its jackknife leaves the same member out of both.
auc_errors AS (
    SELECT r.family_number, r.method, jackknife_error(r.auc) AS auc_error, jackknife_error(r.auc - l.auc) AS gain_error
    FROM without_members AS r LEFT JOIN without_members AS l
    ON l.family_number = r.family_number AND l.member = r.member AND l.method = 'letters' AND r.method <> 'letters'
    GROUP BY r.family_number, r.method
),

-- The published test treats pairs as independent; `n_own` counts every pair of members twice.
ks_tests AS (
    SELECT family_number, method, ks,
           ks_log10_tail(CASE WHEN n_others > 0 THEN least(ks, 1 - 1 / (n_own / 2 + n_others)) END,
                         round_even(n_own / 2 * n_others / (n_own / 2 + n_others), 0)) AS ks_log10_p
    FROM ks_distances('pairs') JOIN comparisons USING (family_number, method)
),

-- Names and sizes, by the number of a family in the sums.
families_compared AS (
    SELECT m.family_number, c.family, min(c.name) AS name, any_value(c.n_sequences) AS n_sequences
    FROM carriers AS c JOIN members AS m USING (family)
    GROUP BY m.family_number, c.family
),

-- All numbers of a family by each method, and whether its AUC is significantly above one half.
family_statistics AS (
    SELECT c.*, n.family, n.name, n.n_sequences, a.auc, e.auc_error, a.auc - l.auc AS gain, e.gain_error, k.ks,
           bonferroni(k.ks_log10_p, count(k.ks_log10_p) OVER (PARTITION BY method)) AS log10_p,
           (a.auc - 0.5) / e.auc_error
           > student_t_quantile(0.025 / count(e.auc_error) OVER (PARTITION BY method), n_members - 1) AS is_separated
    FROM comparisons AS c
    JOIN families_compared AS n USING (family_number)
    JOIN aucs AS a USING (family_number, method)
    JOIN auc_errors AS e USING (family_number, method)
    JOIN ks_tests AS k USING (family_number, method)
    LEFT JOIN aucs AS l ON l.family_number = c.family_number AND l.method = 'letters' AND c.method <> 'letters'
),

-- The rows of the answer: families one by one, with errors over members, or pooled, with errors over families.
rows AS (
    SELECT CASE $per WHEN 'family' THEN family WHEN 'all' THEN 'all' ELSE size_range(n_sequences) END AS row_name,
           method, count(*) AS n_families,
           CASE $per WHEN 'family' THEN any_value(n_members) ELSE count(*) END - 1 AS df,
           CASE $per WHEN 'family' THEN any_value(name) END AS name,
           avg(n_sequences) AS n_sequences, min(n_sequences) AS smallest, avg(n_members) AS n_members,
           avg(n_others_of_member) AS n_others, avg(within) AS within, avg(between) AS between, avg(ks) AS ks,
           CASE $per WHEN 'family' THEN any_value(log10_p) END AS log10_p,
           count(*) FILTER (is_separated) AS n_separated, avg(silhouette) AS silhouette, avg(auc) AS auc,
           avg(gain) AS gain,
           CASE $per WHEN 'family' THEN any_value(silhouette_error) ELSE mean_error(silhouette) END AS silhouette_error,
           CASE $per WHEN 'family' THEN any_value(auc_error) ELSE mean_error(auc) END AS auc_error,
           CASE $per WHEN 'family' THEN any_value(gain_error) ELSE mean_error(gain) END AS gain_error
    FROM family_statistics
    GROUP BY row_name, method
),

-- Interval and test of the AUC agree: both by Student's t, both corrected for all rows of the method.
tests AS (
    SELECT *, (auc - 0.5) / auc_error AS auc_t,
           count(auc_error) OVER (PARTITION BY method) AS n_tests,
           silhouette_error * student_t_quantile(0.025, df) AS silhouette_margin,
           auc_error * student_t_quantile(0.025 / n_tests, df) AS auc_margin,
           gain_error * student_t_quantile(0.025 / count(gain_error) OVER (PARTITION BY method), df) AS gain_margin,
           bonferroni(student_t_log10_tail(auc_t, df), n_tests) AS auc_log10_p
    FROM rows
),

-- Families are ordered by the silhouette of the first method, sizes from small to large.
ordered AS (
    SELECT *, CASE $per WHEN 'family' THEN -first_value(silhouette) OVER (PARTITION BY row_name ORDER BY method)
                     ELSE min(smallest) OVER (PARTITION BY row_name) END AS family_order
    FROM tests
)

SELECT row_name AS family, name, method::VARCHAR AS method, n_families, round(n_sequences, 1) AS n_sequences,
       round(n_members, 1) AS n_members, round(n_others, 1) AS n_others, round(within, 4) AS within,
       round(between, 4) AS between, round(silhouette, 4) AS silhouette,
       round(clamped(silhouette - silhouette_margin, -1, 1), 4) AS silhouette_low,
       round(clamped(silhouette + silhouette_margin, -1, 1), 4) AS silhouette_high,
       round(ks, 4) AS ks, round(log10_p, 2) + 0 AS log10_p, n_separated, round(auc, 4) AS auc,
       round(clamped(auc - auc_margin, 0, 1), 4) AS auc_low,
       round(clamped(auc + auc_margin, 0, 1), 4) AS auc_high,
       round(auc_t, 2) + 0 AS auc_t, round(auc_log10_p, 2) + 0 AS auc_log10_p, round(gain, 4) + 0 AS gain,
       round(clamped(gain - gain_margin, -1, 1), 4) + 0 AS gain_low,
       round(clamped(gain + gain_margin, -1, 1), 4) + 0 AS gain_high,
       n_compared, n_compared_families, n_families_of_size - n_compared_families AS n_left_out
FROM ordered CROSS JOIN extent
ORDER BY family_order NULLS LAST, family, ordered.method
