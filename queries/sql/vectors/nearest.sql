-- title: Proteins nearest to one by their vectors
-- topic: Vectors
-- needs: vectors
-- answers: Which proteins does the model represent as it does this one? Mean-pooled hidden states bring homologues
--   together, but also proteins of like composition: compare the cosine with that of the compositions beside it. All
--   vectors of a model point much the same way, so that a cosine of 0.9 may be that of two proteins at random: read
--   `mean_of_all`. One accession per distinct sequence; the sequence asked for is left out.
-- empty: No two proteins are compared: the protein, or every other, has no vectors of this kind in these layers;
--   `SELECT kind, layer, count(*) FROM vectors GROUP BY ALL` says which there are.
-- parameters:
--   protein protein: An id.
--   kind text of vectors.kind = mean: Which vector: `mean` over all residues, `segment0` to `segment9` over tenths of
--     them, `cls`, `eos`.
--   layers ints = all: Layers whose vectors are compared, from 0; by default all that have vectors.
--   n int 1.. = 20: Proteins of each layer to list.
-- columns:
--   cosine: Cosine of the angle between both vectors, at most 1. Vectors of zeros, as of empty segments, have none.
--   mean_of_all: Mean cosine of the protein to all others in the atlas.
--   composition: Cosine of the counts of the 20 amino acids of both, the baseline.
--   length_ratio: Length over that of the protein asked for.
--   n_proteins: Proteins of this sequence.
-- example: protein=P07550 n=5
-- grain: layer, accession
-- source: The vectors are those of ESM2_AMP (protloc-mex-x 0.0.27), see docs/vectors.md.
WITH distinct_sequences AS (
    SELECT sequence_id, min(accession) AS accession, count(*) AS n_proteins, bool_or(accession = $protein) AS is_given,
           any_value(length) AS length,
           [length(any_value(sequence)) - length(replace(any_value(sequence), letter, ''))
            FOR letter IN string_split('ACDEFGHIKLMNPQRSTVWY', '')]::DOUBLE[] AS letter_counts
    FROM proteins
    WHERE status = 'ok'
    GROUP BY sequence_id
),

-- One row for each sequence and layer; a vector of zeros has no direction.
directed AS (
    SELECT v.layer, d.*, v.vector::DOUBLE[] AS vector
    FROM vectors AS v JOIN distinct_sequences AS d USING (sequence_id)
    WHERE v.kind = $kind AND (v.accession = d.accession)
          AND ($layers IS NULL OR list_contains($layers::INTEGER[], v.layer))
          AND list_inner_product(v.vector, v.vector) > 0
),

-- The sequence asked for against every other, layer by layer.
cosines AS (
    SELECT o.layer, o.accession, o.n_proteins, o.length / g.length AS length_ratio,
           list_cosine_similarity(o.vector, g.vector) AS cosine,
           CASE WHEN list_sum(o.letter_counts) > 0 AND list_sum(g.letter_counts) > 0
                THEN list_cosine_similarity(o.letter_counts, g.letter_counts) END AS composition
    FROM directed AS g JOIN directed AS o USING (layer)
    WHERE g.is_given AND NOT o.is_given
),

ranked AS (
    SELECT *, avg(cosine) OVER (PARTITION BY layer) AS mean_of_all,
           row_number() OVER (PARTITION BY layer ORDER BY cosine DESC, accession) AS place
    FROM cosines
)

SELECT r.layer, r.accession, p.entry_name, p.description, round(r.cosine, 4) AS cosine,
       round(r.mean_of_all, 4) AS mean_of_all, round(r.composition, 4) AS composition, p.length,
       round(r.length_ratio, 2) AS length_ratio, r.n_proteins
FROM ranked AS r JOIN proteins AS p USING (accession)
WHERE r.place <= $n
ORDER BY r.layer, r.cosine DESC, r.accession
