-- title: Proteins with the vectors nearest to those of a protein
-- topic: Vectors
-- needs: vectors
-- answers: Which proteins does the model represent in a similar way as this one? Mean-pooled hidden states bring
--   homologues together, but also proteins of similar composition: compare the cosine with that of the compositions,
--   which each row has. All vectors of a model point in much the same direction, so that two random proteins may have
--   a cosine of 0.9: read `mean_of_all`. There is one accession per distinct sequence; the sequence of the question
--   is left out. A layer in which nothing can be compared has one row, which says why.
-- parameters:
--   protein protein: An id.
--   kind text of vectors.kind = mean: Which vector: `mean` over all residues, `segment0` to `segment9` over tenths of
--     them, `cls`, `eos`.
--   layers ints = all: Layers to list, from 0; by default all that have vectors of this kind.
--   n int 1.. = 20: Proteins of each layer to list.
-- columns:
--   cosine: Cosine of the angle between both vectors, at most 1. Vectors of zeros, as of empty segments, have none.
--   mean_of_all: Mean cosine of the protein to all others that are compared.
--   composition: Cosine of the counts of the 20 amino acids of both, the baseline.
--   length_ratio: Length over that of the protein asked for.
--   n_proteins: Proteins of this sequence.
--   n_compared: Other sequences of the atlas that are compared in this layer.
--   n_left_out: Other computed sequences that are not: they have no such vector, as those longer than `--max-length`
--     and those of which a number is not finite, or one of zeros.
--   note: Why nothing is compared, where nothing is.
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

layers_listed AS (
    SELECT DISTINCT layer
    FROM (SELECT unnest($layers::INTEGER[]) AS layer
          UNION ALL SELECT layer FROM vectors WHERE $layers IS NULL AND kind = $kind)
),

-- One row for each sequence and layer; a vector of zeros has no direction.
sequence_vectors AS (
    SELECT v.layer, d.*, v.vector::DOUBLE[] AS vector
    FROM vectors AS v JOIN distinct_sequences AS d USING (sequence_id)
    WHERE v.kind = $kind AND v.accession = d.accession AND v.layer IN (SELECT layer FROM layers_listed)
          AND list_inner_product(v.vector, v.vector) > 0
),

-- The sequence asked for against every other, layer by layer.
cosines AS (
    SELECT o.layer, o.accession, o.n_proteins, o.length / g.length AS length_ratio,
           list_cosine_similarity(o.vector, g.vector) AS cosine,
           CASE WHEN list_sum(o.letter_counts) > 0 AND list_sum(g.letter_counts) > 0
                THEN list_cosine_similarity(o.letter_counts, g.letter_counts) END AS composition
    FROM sequence_vectors AS g JOIN sequence_vectors AS o USING (layer)
    WHERE g.is_given AND NOT o.is_given
),

ranked_cosines AS (
    SELECT *, avg(cosine) OVER (PARTITION BY layer) AS mean_of_all,
           row_number() OVER (PARTITION BY layer ORDER BY cosine DESC, accession) AS place
    FROM cosines
),

-- One row for each layer: what is compared there, and what is not.
counts AS (
    SELECT a.layer, count(c.accession) AS n_compared,
           (SELECT count(*) FROM distinct_sequences WHERE NOT is_given) - count(c.accession) AS n_left_out,
           CASE WHEN count(c.accession) = 0
                THEN CASE WHEN NOT EXISTS (SELECT 1 FROM vectors AS v WHERE v.kind = $kind AND v.layer = a.layer)
                          THEN 'no vectors of this kind are of this layer'
                          WHEN NOT EXISTS (SELECT 1 FROM sequence_vectors AS d WHERE d.layer = a.layer AND d.is_given)
                          THEN 'the protein asked for has no vector of this kind, or one of zeros'
                          ELSE 'no other sequence has a vector of this kind' END END AS note
    FROM layers_listed AS a LEFT JOIN cosines AS c USING (layer)
    GROUP BY a.layer
)

SELECT c.layer, r.accession, p.entry_name, p.description, round(r.cosine, 4) AS cosine,
       round(r.mean_of_all, 4) AS mean_of_all, round(r.composition, 4) AS composition, p.length,
       round(r.length_ratio, 2) AS length_ratio, r.n_proteins, c.n_compared, c.n_left_out, c.note
FROM counts AS c
LEFT JOIN ranked_cosines AS r ON r.layer = c.layer AND r.place <= $n
LEFT JOIN proteins AS p ON p.accession = r.accession
ORDER BY c.layer, r.cosine DESC, r.accession
