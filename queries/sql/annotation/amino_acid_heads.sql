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
--   ratio: p over background; 1 means no preference.
--   shuffled: What p is if the attention of each residue is shuffled over the residues of its protein.
--   proteins_low: Lower end of the interval of p with proteins as the independent units, at the level `confidence`: p
--     less the reach of what p is beyond the shuffled, by a jackknife over proteins and Student's t. It leaves out the
--     shuffled if and only if proteins_log10_p is below -1.3.
--   proteins_high: Upper end.
--   proteins_t: Student's t of p less the shuffled, by the same error.
--   proteins_log10_p: Logarithm to base 10 of its two-sided p value times the number of rows (Bonferroni), 0 at most;
--     in every form.
--   confidence: Level of the interval: 1 - 0.05 / number of rows, so that all hold at once with 95 %.
--   note: Why a row has no interval and no p value; empty if it has them.
-- grain: residue, layer, head
-- source: Vig et al. 2021 (ICLR); interval and test: jackknife over proteins (Tukey 1958; Cochran 1977, 6.15) with
--   Student's t.
WITH letters AS (SELECT unnest(string_split('ACDEFGHIKLMNPQRSTVWY', '')) AS residue),

-- Every protein of the probe, each sequence once, whichever letters it has.
probed AS (
    SELECT min(accession) AS accession, any_value(length) AS length
    FROM labels
    WHERE label = 'residue'
          AND ($proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[])))
    GROUP BY sequence_id
),

-- What each head gives in each protein, by the form asked for.
of_proteins AS (
    SELECT e.accession, e.layer, e.head, e.n_edges, c.length, in_form($form, e.n_edges, e.edge_mass, e.mass) AS n
    FROM probed AS c JOIN head_features AS e ON e.accession = c.accession AND e.label = 'residue'
),

-- Heads with enough edges to be judged.
heads_reported AS (
    SELECT layer, head, count(*) AS n_proteins, count(*) FILTER (n > 0) AS n_counted, sum(n_edges)::BIGINT AS n_edges,
           sum(n) AS n, sum(n * n) AS nn
    FROM of_proteins
    GROUP BY layer, head
    HAVING sum(n_edges) >= $min_edges AND sum(of_proteins.n) > 0
),

-- Share of each letter among all residues.
background AS (
    SELECT l.label[4:] AS residue, sum(l.n_labelled) / (SELECT sum(length) FROM probed) AS background
    FROM probed AS c JOIN labels AS l ON l.accession = c.accession AND l.label LIKE 'aa:_'
    GROUP BY l.label
),

-- Proteins that have the letter; without it, a protein gives the letter nothing and expects nothing of it.
with_letter AS (
    SELECT f.label[4:] AS residue, e.accession, e.layer, e.head, e.n,
           in_form($form, f.n_edges, f.edge_mass, f.mass) AS k, e.n * l.n_labelled / e.length AS shuffled,
           chance_variance(e.n, l.n_labelled / e.length, attention_draws($form, e.n_edges, e.length)) AS by_chance
    FROM of_proteins AS e
    JOIN labels AS l ON l.accession = e.accession AND l.label LIKE 'aa:_'
    JOIN head_features AS f
    ON f.accession = e.accession AND f.label = l.label AND f.layer = e.layer AND f.head = e.head
),

totals AS (
    SELECT residue, layer, head, sum(k) AS k, sum(shuffled) AS shuffled, sum(by_chance) AS by_chance
    FROM with_letter
    GROUP BY residue, layer, head
),

-- A protein without the letter changes the ratio, too, if it is left out: for a ratio r by r n / (n_all - n). This is
-- summed over all proteins once, and taken off where a protein has the letter, so that no row is needed for each
-- protein and each letter that it lacks.
shares_left AS (
    SELECT e.layer, e.head, sum(change_without(0, e.n, 1, h.n) ^ 2) AS squares
    FROM of_proteins AS e JOIN heads_reported AS h USING (layer, head)
    GROUP BY e.layer, e.head
),

-- The rest of that sum: proteins that have the letter, each less what `shares_left` holds for it already.
changes AS (
    SELECT residue, layer, head,
           sum(change_without(e.k - e.shuffled, e.n, t.k - t.shuffled, h.n) ^ 2
               - change_without(0, e.n, t.k - t.shuffled, h.n) ^ 2) AS squares
    FROM with_letter AS e JOIN totals AS t USING (residue, layer, head) JOIN heads_reported AS h USING (layer, head)
    GROUP BY residue, layer, head
),

-- Share of the letter beside the shuffled. A letter that receives nothing has the share 0.
shares AS (
    SELECT residue, layer, head, n_proteins, n_counted, n_edges, coalesce(k, 0) / n AS p, background,
           coalesce(shuffled, 0) / n AS shuffled, count(*) OVER () AS n_rows, effective_df(n_counted, n, nn) AS df,
           error_over_proteins(n_counted, c.squares + (k - t.shuffled) ^ 2 * s.squares, by_chance / n ^ 2) AS error
    FROM letters JOIN background USING (residue) CROSS JOIN heads_reported
    JOIN shares_left AS s USING (layer, head)
    LEFT JOIN totals AS t USING (residue, layer, head)
    LEFT JOIN changes AS c USING (residue, layer, head)
),

tests AS (SELECT *, ratio_test(p - shuffled, error, df, n_rows) AS test FROM shares)

SELECT residue, layer, head, n_proteins, n_edges, round(p, 4) AS p, round(background, 4) AS background,
       round(tests.p / tests.background, 2) AS ratio, round(shuffled, 4) AS shuffled,
       round(clamped(tests.p - test.reach, 0, 1), 4) AS proteins_low,
       round(clamped(tests.p + test.reach, 0, 1), 4) AS proteins_high,
       round(test.t, 2) + 0 AS proteins_t, round(test.log10_p, 2) + 0 AS proteins_log10_p,
       round(test.confidence, 6) AS confidence, why_untested(n_counted, df, error) AS note
FROM tests
ORDER BY residue, tests.p DESC, layer, head
