-- title: The amino acids that each head attends to
-- topic: Annotation
-- needs: labels, head_features
-- answers: Which heads attend to cysteine, proline or another amino acid? The 20 standard letters by every head, over
--   all proteins of the probe, each sequence once.
-- parameters:
--   form text count|weighted|mass = count: Edges, the attention of these edges, or all attention without a threshold.
--   proteins proteins = all: Ids to count over, background included.
--   min_edges int 0.. = 100: Fewest edges, over all these proteins, of a head that is reported.
-- columns:
--   residue: One-letter code of the amino acid attended to.
--   n_proteins: Proteins, one for each sequence.
--   n_edges: Edges of the head in these proteins: pairs of residues with an attention of the probe's theta or more.
--   p: Share of its edges, or of its attention, that goes to this amino acid.
--   background: Share of the residues of these proteins that are this amino acid.
--   ratio: The first over the second; 1 is no preference.
--   shuffled: What p is if the attention of each residue is shuffled over the residues of its protein.
--   proteins_low: Lower end of the interval of p with whole proteins as what is independent, of 95 % over all rows of
--     this answer at once (Bonferroni), by Student's t. Empty for one protein, and where all agree.
--   proteins_high: Upper end.
--   proteins_t: Student's t of what the amino acid gets in a protein beyond the shuffled, mean over proteins over its
--     standard error. Empty where all proteins agree.
--   proteins_log10_p: Logarithm to base 10 of its two-sided p value times the number of rows (Bonferroni), 0 at most.
-- grain: residue, layer, head
-- source: Vig et al. 2021 (ICLR); interval over proteins: linearised, Cochran 1977, 6.4, with Student's t.
WITH letters AS (SELECT unnest(string_split('ACDEFGHIKLMNPQRSTVWY', '')) AS residue),
chosen AS (
    SELECT min(accession) AS accession, any_value(length) AS length
    FROM labels
    WHERE label = 'residue'
          AND ($proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[])))
    GROUP BY sequence_id
),
wholes AS (
    SELECT e.layer, e.head, e.n_edges,
           in_form($form, e.n_edges, e.edge_mass, e.mass) AS n
    FROM chosen AS c JOIN head_features AS e ON e.accession = c.accession AND e.label = 'residue'
),
totals AS (
    SELECT layer, head, count(*) AS n_proteins, sum(n_edges)::BIGINT AS n_edges, sum(n) AS n, sum(n * n) AS nn
    FROM wholes
    GROUP BY layer, head
    HAVING sum(n_edges) >= $min_edges AND sum(wholes.n) > 0
),
parts AS (
    SELECT f.label[4:] AS residue, f.layer, f.head, l.n_labelled / l.length AS share,
           in_form($form, f.n_edges, f.edge_mass, f.mass) AS k,
           in_form($form, e.n_edges, e.edge_mass, e.mass) AS n
    FROM chosen AS c
    JOIN labels AS l ON l.accession = c.accession AND l.label LIKE 'aa:_'
    JOIN head_features AS f ON f.accession = c.accession AND f.label = l.label
    JOIN head_features AS e
    ON e.accession = c.accession AND e.label = 'residue' AND e.layer = f.layer AND e.head = f.head
),
by_letter AS (
    SELECT residue, layer, head, sum(k) AS k, sum(k * k) AS kk, sum(k * n) AS kn, sum(n * share) AS shuffled,
           sum(k - n * share) AS d, sum((k - n * share) ^ 2) AS dd
    FROM parts
    GROUP BY ALL
),
background AS (
    SELECT l.label[4:] AS residue, sum(l.n_labelled) / (SELECT sum(length) FROM chosen) AS background
    FROM chosen AS c JOIN labels AS l ON l.accession = c.accession AND l.label LIKE 'aa:_'
    GROUP BY l.label
),
shares AS (
    SELECT residue, layer, head, n_proteins, n_edges, coalesce(k, 0) / n AS p, background,
           coalesce(shuffled, 0) / n AS shuffled, n_proteins - 1 AS df, coalesce(d, 0) AS d, coalesce(dd, 0) AS dd,
           count(*) OVER () AS n_rows,
           ratio_error(n_proteins, p, n, coalesce(kk, 0), coalesce(kn, 0), nn) AS se
    FROM letters JOIN background USING (residue) CROSS JOIN totals LEFT JOIN by_letter USING (residue, layer, head)
),
tested AS (
    SELECT *, one_sample_t(n_proteins, d, dd) AS t, se * student_t_quantile(0.025 / n_rows, df) AS reach
    FROM shares
)
SELECT residue, layer, head, n_proteins, n_edges, round(p, 4) AS p, round(background, 4) AS background,
       round(tested.p / background, 2) AS ratio, round(shuffled, 4) AS shuffled,
       round(clamped(tested.p - reach, 0, 1), 4) AS proteins_low,
       round(clamped(tested.p + reach, 0, 1), 4) AS proteins_high,
       round(t, 2) + 0 AS proteins_t,
       round(bonferroni(student_t_log10_tail(t, df), n_rows), 2) + 0 AS proteins_log10_p
FROM tested
ORDER BY residue, tested.p DESC, layer, head
