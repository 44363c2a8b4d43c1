-- title: What histidines that bind zinc attend to around them
-- topic: Annotation
-- needs: features, coordinates, links
-- answers: Do histidines of metal sites attend to carboxylates of the second shell more than to other carboxylates of
--   their protein, layer by layer? The second shell is every Asp and Glu that binds no metal itself and is near the
--   histidine, by C-beta: an atlas has neither the metal nor the atoms of side chains beyond C-beta. Near residues
--   receive more in any case, so the null is what histidines that bind nothing give to carboxylates that are as near.
--   Attention is that of `links`, the strongest weights; a pair without a link counts as 0.
-- parameters:
--   ligand text = Zn(2+): What the site binds, as UniProt names it.
--   residue text = H: Letter of the residues that attend.
--   distance float 0.. = 10: Distance between the C-betas up to which a carboxylate is in the second shell, angstrom:
--     about as far as a hydrogen bond of histidine and glutamate reaches.
--   apart int 1.. = 6: Fewest residues that both are apart along the sequence.
--   proteins proteins = all: Ids to count over.
-- columns:
--   n_proteins: Proteins with a structure in which a site has carboxylates of both kinds; each sequence counts once.
--   n_pairs: Pairs of a residue that binds the ligand and a carboxylate of its second shell.
--   n_linked: Pairs among them with a link in the layer.
--   near: Attention of the layer's heads, by links, to a carboxylate of the second shell; mean over the pairs of a
--     protein, then over proteins.
--   far: The same for the other carboxylates of the protein: the background.
--   ratio: near over far.
--   difference: near less far.
--   difference_low: Lower end of its interval, with proteins as the independent units, at the level `confidence`, by
--     Student's t. It leaves out 0 if and only if log10_p is below -1.3.
--   difference_high: Upper end.
--   t: Student's t of the mean difference.
--   log10_p: Logarithm to base 10 of its two-sided p value times the number of layers (Bonferroni), 0 at most.
--   confidence: Level of the interval: 1 - 0.05 / number of layers, so that all hold at once with 95 %.
--   note: Why a row has no interval and no p value; empty if it has them.
--   others_near: Attention that residues of the letter that do not bind the ligand give to carboxylates that are as
--     near.
--   others_far: The same for carboxylates that are farther.
--   others_ratio: others_near over others_far: what nearness alone gives.
-- grain: layer
-- source: UniProt's binding sites; interval and test over proteins: Student's t; docs/zinc-histidines.md.
WITH binding AS (
    -- A description begins with the ligand, and may go on: `Zn(2+) 1; catalytic`.
    SELECT DISTINCT sequence_id, unnest(range(f.begin, f.end + 1)) AS position
    FROM features AS f
    WHERE type IN ('Binding site', 'Metal binding')
          AND (description = $ligand OR starts_with(description, $ligand || ' ')
               OR starts_with(description, $ligand || ';'))
),

-- For each sequence, the chain that shows most of it.
places AS MATERIALIZED (
    SELECT s.accession, s.position, s.x, s.y, s.z, p.sequence[s.position] AS letter, b.position IS NOT NULL AS is_site
    FROM structure_places('cb', $proteins) AS s
    JOIN proteins AS p USING (accession)
    LEFT JOIN binding AS b ON b.sequence_id = p.sequence_id AND b.position = s.position
    WHERE p.sequence_id IN (SELECT sequence_id FROM binding)
),

-- A carboxylate that binds the ligand itself is of the first shell.
carboxylates AS (SELECT * FROM places WHERE letter IN ('D', 'E') AND NOT is_site),

-- Each residue asked for with each carboxylate far enough along the sequence, near in space or not.
pairs AS (
    SELECT h.accession, h.position AS i, c.position AS j, h.is_site,
           (h.x - c.x) ^ 2 + (h.y - c.y) ^ 2 + (h.z - c.z) ^ 2 <= $distance ^ 2 AS is_near
    FROM places AS h JOIN carboxylates AS c ON c.accession = h.accession AND abs(c.position - h.position) >= $apart
    WHERE h.letter = upper($residue)
),

-- Attention from one to the other, summed over the heads of a layer.
weights AS (
    SELECT accession, layer, i, j, sum(weight) AS weight
    FROM links SEMI JOIN pairs USING (accession, i, j)
    GROUP BY accession, layer, i, j
),

-- A pair without a link has the weight 0.
of_pairs AS (
    SELECT p.*, l.layer, coalesce(w.weight, 0) AS weight
    FROM pairs AS p CROSS JOIN (SELECT DISTINCT layer FROM heads) AS l
    LEFT JOIN weights AS w ON w.accession = p.accession AND w.layer = l.layer AND w.i = p.i AND w.j = p.j
),

-- Means of each protein: of sites and of other residues, near and far.
of_proteins AS (
    SELECT accession, layer, count(*) FILTER (is_site AND is_near) AS n_pairs,
           count(*) FILTER (is_site AND is_near AND weight > 0) AS n_linked,
           avg(weight) FILTER (is_site AND is_near) AS near, avg(weight) FILTER (is_site AND NOT is_near) AS far,
           avg(weight) FILTER (NOT is_site AND is_near) AS others_near,
           avg(weight) FILTER (NOT is_site AND NOT is_near) AS others_far
    FROM of_pairs
    GROUP BY accession, layer
),

-- Means over the proteins that have both near and far pairs.
layers AS (
    SELECT layer, count(*) AS n_proteins, sum(n_pairs)::BIGINT AS n_pairs, sum(n_linked)::BIGINT AS n_linked,
           avg(near) AS near, avg(far) AS far, avg(near - far) AS difference, mean_error(near - far) AS error,
           avg(others_near) AS others_near, avg(others_far) AS others_far,
           CASE WHEN count(*) >= fewest_proteins() THEN count(*) - 1 END AS df, count(*) OVER () AS n_layers
    FROM of_proteins
    WHERE near IS NOT NULL AND far IS NOT NULL
    GROUP BY layer
),

tests AS (SELECT *, ratio_test(difference, error, df, n_layers) AS test FROM layers)

SELECT layer, n_proteins, n_pairs, n_linked, round(near, 5) AS near, round(far, 5) AS far,
       round(near / nullif(far, 0), 2) AS ratio, round(difference, 5) AS difference,
       round(difference - test.reach, 5) AS difference_low, round(difference + test.reach, 5) AS difference_high,
       round(test.t, 2) + 0 AS t, round(test.log10_p, 2) + 0 AS log10_p, round(test.confidence, 6) AS confidence,
       why_untested(n_proteins, df, error) AS note, round(others_near, 5) AS others_near,
       round(others_far, 5) AS others_far, round(others_near / nullif(others_far, 0), 2) AS others_ratio
FROM tests
ORDER BY layer
