-- title: Proteins that the heads treat alike
-- topic: Families
-- answers: Which proteins does the model attend to as it does to this one? Homologues are often near the top, with no
--   sequence compared; a protein near the top need not be one. One accession per distinct sequence.
-- parameters:
--   protein protein: An id.
-- columns:
--   distance: Root mean square difference over all heads and three statistics, each in its standard deviations over
--     the atlas: edges per residue, helix_share, beyond6_share. 0 is the same; two proteins at random are near 1.4.
--   length_ratio: Length over that of the protein asked for; the statistics depend a little on length.
-- example: protein=P07550
-- grain: accession
-- source: Head statistics of an atlas; the three were chosen for bringing homologues first in an atlas of 52 proteins.
WITH distinct_sequences AS (
    SELECT CASE WHEN bool_or(accession = $protein) THEN $protein ELSE min(accession) END AS accession,
           any_value(length) AS length
    FROM proteins
    WHERE status = 'ok' AND length >= 10
    GROUP BY sequence_id
),

vectors AS (
    SELECT h.accession, h.layer, h.head, h.n_edges / c.length AS edges, h.helix_share AS helix, h.beyond6_share AS far
    FROM heads AS h JOIN distinct_sequences AS c USING (accession)
),

-- Standard deviations over the atlas, so that each statistic of each head weighs the same.
spreads AS (
    SELECT layer, head, nullif(stddev_samp(edges), 0) AS edges, nullif(stddev_samp(helix), 0) AS helix,
           nullif(stddev_samp(far), 0) AS far
    FROM vectors
    GROUP BY layer, head
),

heads_of_protein AS (FROM vectors WHERE accession = $protein),

-- Root mean square difference over heads and statistics, each in units of its spread.
distances AS (
    SELECT v.accession,
           sqrt(avg((coalesce(((v.edges - g.edges) / s.edges) ^ 2, 0)
                     + coalesce(((v.helix - g.helix) / s.helix) ^ 2, 0)
                     + coalesce(((v.far - g.far) / s.far) ^ 2, 0)) / 3)) AS distance
    FROM vectors AS v JOIN heads_of_protein AS g USING (layer, head) JOIN spreads AS s USING (layer, head)
    WHERE v.accession <> $protein
    GROUP BY v.accession
)

SELECT accession, p.entry_name, p.description, round(d.distance, 3) AS distance, p.length,
       round(p.length / (SELECT length FROM distinct_sequences WHERE accession = $protein), 2) AS length_ratio,
       p.layer, p.n_sites
FROM distances AS d JOIN proteins AS p USING (accession)
ORDER BY d.distance, accession
