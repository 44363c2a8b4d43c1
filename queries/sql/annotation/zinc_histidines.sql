-- title: Histidines that bind zinc against others of the same proteins
-- topic: Annotation
-- needs: features
-- answers: Do the histidines of metal sites receive more attention than other histidines, layer by layer? Both kinds
--   have the same letter and are in the same protein, so that neither letter nor protein can tell them apart: 0.5 is
--   the null. What a histidine receives as a histidine is shown by those that bind nothing. Sites that UniProt does
--   not know count as other histidines. `zinc_second_shell` asks about the residues around them, if structures are
--   annotated.
-- parameters:
--   ligand text = Zn(2+): What the site binds, as UniProt names it.
--   residue text = H: Letter of the residues that are compared.
--   proteins proteins = all: Ids to count over.
-- columns:
--   n_proteins: Proteins with residues of both kinds; each sequence counts once.
--   n_sites: Their residues of the letter that bind the ligand.
--   n_others: Their residues of the letter that do not.
--   sites_received: What residues that bind the ligand receive over the mean of their protein; mean over proteins.
--   others_received: The same for residues of the letter that do not bind it.
--   auc: Chance that a residue that binds the ligand receives more than another of the letter in its protein; mean
--     over proteins.
--   auc_low: Lower end of its interval with proteins as the independent units, at the level `confidence`, by Student's
--     t. It leaves out 0.5 if and only if log10_p is below -1.3.
--   auc_high: Upper end.
--   t: Student's t of the mean AUC less 0.5, by the same error.
--   log10_p: Logarithm to base 10 of its two-sided p value times the number of layers (Bonferroni), 0 at most.
--   confidence: Level of the interval: 1 - 0.05 / number of layers, so that all hold at once with 95 %.
--   note: Why a row has no interval and no p value; empty if it has them.
--   auc_residues: AUC of residues that bind the ligand against the residues of all other letters.
--   auc_letter: AUC of residues of the letter that do not bind it against the residues of all other letters: what the
--     letter alone gives.
-- grain: layer
-- source: Mann and Whitney 1947: ties count half; UniProt's binding sites; interval and test over proteins: Student's
--   t.
WITH binding AS (
    -- A description begins with the ligand, and may go on: `Zn(2+) 1; catalytic`.
    SELECT accession, unnest(range(f.begin, f.end + 1)) AS position
    FROM features AS f
    WHERE type IN ('Binding site', 'Metal binding')
          AND (description = $ligand OR starts_with(description, $ligand || ' ')
               OR starts_with(description, $ligand || ';'))
          AND ($proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[])))
),

-- A sequence under several accessions counts once: as the first of those that carry such a site.
carriers AS (
    SELECT min(accession) AS accession
    FROM binding JOIN proteins AS p USING (accession)
    WHERE p.status = 'ok' AND p.sequence[position] = upper($residue)
    GROUP BY p.sequence_id
),

-- Every residue of these proteins: a binding one of the letter (`site`), another of the letter, or of another letter.
kinds AS (
    SELECT r.accession, position, received,
           CASE WHEN residue <> upper($residue) THEN 'residue' WHEN b.position IS NOT NULL THEN 'site'
                ELSE 'other' END AS kind
    FROM residues AS r SEMI JOIN carriers USING (accession)
    LEFT JOIN (SELECT DISTINCT accession, position FROM binding) AS b USING (accession, position)
),

-- Proteins in which every residue of the letter binds have nothing to compare.
profiles AS (
    SELECT accession, kind, unnest(received) AS received, unnest(range(len(received)))::SMALLINT AS layer
    FROM kinds
    WHERE accession IN (SELECT accession FROM kinds WHERE kind = 'other')
),

-- Each pair of kinds is ranked by itself, from the lowest, ties with their mean rank.
ranked AS (
    SELECT comparison, accession, layer, kind = winner AS is_first,
           (rank() OVER protein + count(*) OVER protein) / 2 AS mean_rank
    FROM profiles
    JOIN (VALUES ('sites', 'site', 'other'), ('residues', 'site', 'residue'), ('letter', 'other', 'residue'))
         AS c (comparison, winner, loser) ON kind IN (winner, loser)
    WINDOW protein AS (PARTITION BY comparison, accession, layer ORDER BY received)
),

-- The statistic of Mann and Whitney: the rank sum less the smallest that so many residues can have.
aucs AS (
    SELECT comparison, accession, layer,
           (sum(mean_rank) FILTER (is_first) - count(*) FILTER (is_first) * (count(*) FILTER (is_first) + 1) / 2)
           / nullif(count(*) FILTER (is_first) * count(*) FILTER (NOT is_first), 0) AS auc
    FROM ranked
    GROUP BY comparison, accession, layer
),

-- What both kinds of residues receive in each protein, over the mean of all its residues.
of_proteins AS (
    SELECT accession, layer, count(*) FILTER (kind = 'site') AS n_sites, count(*) FILTER (kind = 'other') AS n_others,
           avg(received) FILTER (kind = 'site') / nullif(avg(received), 0) AS sites_received,
           avg(received) FILTER (kind = 'other') / nullif(avg(received), 0) AS others_received
    FROM profiles
    GROUP BY accession, layer
),

-- Means over proteins, layer by layer.
layers AS (
    SELECT layer, count(*) AS n_proteins, sum(n_sites)::BIGINT AS n_sites, sum(n_others)::BIGINT AS n_others,
           avg(sites_received) AS sites_received, avg(others_received) AS others_received,
           avg(s.auc) AS auc, mean_error(s.auc) AS error, avg(r.auc) AS auc_residues, avg(l.auc) AS auc_letter,
           CASE WHEN count(*) >= fewest_proteins() THEN count(*) - 1 END AS df, count(*) OVER () AS n_layers
    FROM of_proteins
    JOIN aucs AS s USING (accession, layer) JOIN aucs AS r USING (accession, layer)
    JOIN aucs AS l USING (accession, layer)
    WHERE s.comparison = 'sites' AND r.comparison = 'residues' AND l.comparison = 'letter'
    GROUP BY layer
),

tests AS (SELECT *, ratio_test(auc - 0.5, error, df, n_layers) AS test FROM layers)

SELECT layer, n_proteins, n_sites, n_others, round(sites_received, 3) AS sites_received,
       round(others_received, 3) AS others_received, round(tests.auc, 4) AS auc,
       round(clamped(tests.auc - test.reach, 0, 1), 4) AS auc_low,
       round(clamped(tests.auc + test.reach, 0, 1), 4) AS auc_high, round(test.t, 2) + 0 AS t,
       round(test.log10_p, 2) + 0 AS log10_p, round(test.confidence, 6) AS confidence,
       why_untested(n_proteins, df, error) AS note, round(auc_residues, 4) AS auc_residues,
       round(auc_letter, 4) AS auc_letter
FROM tests
ORDER BY layer
