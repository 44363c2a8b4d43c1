-- title: The layer of convergence by length of the protein
-- topic: Layers
-- answers: Does the layer of convergence depend on length? Counted over distinct sequences.
-- parameters:
--   lengths ints 1.. = 1,50,100,200,300,400,600,1000,2000: Lengths at which a class begins, residues.
-- columns:
--   from_length: Shortest length of the class; 0 for those below the first of `lengths`.
--   n_sequences: Distinct sequences of this class and layer.
--   share: Their share of the class.
--   n_in_class: Sequences of the class.
-- grain: from_length, layer
-- source: Nayar, Tartici and Altman 2025.
WITH length_classes AS (
    SELECT coalesce(list_max(list_filter($lengths::INTEGER[], lambda begin_length: begin_length <= length)), 0)
               AS from_length, layer
    FROM sequences
    WHERE layer IS NOT NULL
),

class_counts AS (SELECT from_length, layer, count(*) AS n_sequences FROM length_classes GROUP BY from_length, layer)

SELECT from_length, layer, n_sequences,
       round(n_sequences / sum(n_sequences) OVER (PARTITION BY from_length), 3) AS share,
       sum(n_sequences) OVER (PARTITION BY from_length)::BIGINT AS n_in_class
FROM class_counts
ORDER BY from_length, layer
