-- title: Labelled residues against others of their letter, head by head
-- topic: Annotation
-- needs: labels, head_features, features
-- answers: A head that recognises letters also seems to recognise any label that is made of few letters. Here
--   residues with a label, such as histidines that bind zinc or first methionines, are compared with residues of the
--   same letter without the label, in the same protein: which heads give them more? A column has the attention of the
--   head to <cls>, which no residue receives. This needs a probe that knows amino acids, and a label whose residues
--   all have the letter: a protein where one has another letter is left out.
-- parameters:
--   label text of labels.label = Active site: A label of the probe: a type of feature.
--   residue text = C: Letter of the labelled residues.
--   proteins proteins = all: Ids to count over.
-- columns:
--   n_proteins: Proteins with residues of both kinds; each sequence counts once.
--   n_labelled: Their residues with the label.
--   n_others: Their residues of the letter without the label.
--   label_received: What a residue with the label receives from the head, over the mean of all residues of its
--     protein; mean over proteins.
--   others_received: The same for residues of the letter without the label.
--   difference: label_received less others_received; 0 without an effect.
--   difference_low: Lower end of its interval, with proteins as the independent units, at the level `confidence`, by
--     Student's t. It leaves out 0 if and only if log10_p is below -1.3.
--   difference_high: Upper end.
--   t: Student's t of the difference, by the same error.
--   log10_p: Logarithm to base 10 of its two-sided p value times the number of heads (Bonferroni), 0 at most.
--   confidence: Level of the interval: 1 - 0.05 / number of heads, so that all hold at once with 95 %.
--   note: Why a row has no interval and no p value; empty if it has them.
--   cls_share: Attention of the head to <cls>; mean over these proteins.
-- grain: layer, head
-- source: Vig et al. 2021, who show that heads of random weights recognise letters; interval and test: Student's t.
WITH letters AS (
    -- Proteins with the label, and whether it lies on the letter alone.
    SELECT p.sequence_id, f.accession, bool_and(p.sequence[position] = upper($residue)) AS is_of_letter
    FROM (
        SELECT accession, unnest(feature_positions(type, f.begin, f.end)) AS position
        FROM features AS f
        WHERE type = $label
    ) AS f
    JOIN proteins AS p USING (accession)
    WHERE p.status = 'ok' AND ($proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[])))
    GROUP BY p.sequence_id, f.accession
),

-- A sequence with several accessions counts once: under the first accession that carries the label.
carriers AS (
    SELECT min(l.accession) AS accession
    FROM letters AS l SEMI JOIN labels AS p ON p.accession = l.accession AND p.label = $label
    WHERE is_of_letter
    GROUP BY l.sequence_id
),

-- Residues of the letter with the label, and without it. A protein needs both.
counts AS (
    SELECT accession, s.n_labelled, a.n_labelled - s.n_labelled AS n_others, s.length
    FROM carriers AS c
    JOIN labels AS s USING (accession) JOIN labels AS a USING (accession)
    WHERE s.label = $label AND a.label = concat('aa:', upper($residue)) AND a.n_labelled > s.n_labelled
),

-- For each head, what the two kinds receive, in units of the mean over residues of the protein.
of_proteins AS (
    SELECT c.accession, s.layer, s.head, c.n_labelled, c.n_others,
           s.mass / c.n_labelled / nullif(r.mass / c.length, 0) AS label_received,
           (a.mass - s.mass) / c.n_others / nullif(r.mass / c.length, 0) AS others_received
    FROM counts AS c
    JOIN head_features AS s ON s.accession = c.accession AND s.label = $label
    JOIN head_features AS a ON a.accession = c.accession AND a.label = concat('aa:', upper($residue))
                               AND a.layer = s.layer AND a.head = s.head
    JOIN head_features AS r ON r.accession = c.accession AND r.label = 'residue'
                               AND r.layer = s.layer AND r.head = s.head
),

-- Means over proteins, and the error of the difference.
heads_reported AS (
    SELECT layer, head, count(*) AS n_proteins, sum(n_labelled)::BIGINT AS n_labelled,
           sum(n_others)::BIGINT AS n_others, avg(label_received) AS label_received,
           avg(others_received) AS others_received, avg(label_received - others_received) AS difference,
           mean_error(label_received - others_received) AS error, avg(h.cls_share) AS cls_share,
           CASE WHEN count(*) >= fewest_proteins() THEN count(*) - 1 END AS df, count(*) OVER () AS n_heads
    FROM of_proteins JOIN heads AS h USING (accession, layer, head)
    WHERE label_received IS NOT NULL
    GROUP BY layer, head
),

tests AS (SELECT *, ratio_test(difference, error, df, n_heads) AS test FROM heads_reported)

SELECT layer, head, n_proteins, n_labelled, n_others, round(label_received, 3) AS label_received,
       round(others_received, 3) AS others_received, round(tests.difference, 3) + 0 AS difference,
       round(tests.difference - test.reach, 3) + 0 AS difference_low,
       round(tests.difference + test.reach, 3) + 0 AS difference_high, round(test.t, 2) + 0 AS t,
       round(test.log10_p, 2) + 0 AS log10_p, round(test.confidence, 6) AS confidence,
       why_untested(n_proteins, df, error) AS note, round(cls_share, 4) AS cls_share
FROM tests
ORDER BY tests.difference DESC, layer, head
