-- title: The layer of convergence of proteins whose name holds a word
-- topic: Layers
-- answers: Do kinases, receptors, or any proteins that a word describes converge in a layer of their own? Counted over
--   distinct sequences; a word in a description is no classification.
-- parameters:
--   word text: Text to look for in the description, in any letter case, such as kinase.
-- columns:
--   n_with: Sequences of this layer with the word.
--   share_with: Their share of all sequences with the word.
--   n_others: Sequences of this layer without it.
--   share_others: Their share of all sequences without it.
--   ratio: The first share over the second; empty where no other converges.
-- example: word=receptor
-- grain: layer
-- source: Nayar, Tartici and Altman 2025, who find layers that go with families.
WITH sequence_words AS (
    SELECT sequence_id, any_value(layer) AS layer,
           bool_or(contains(lower(coalesce(description, '')), lower($word))) AS has_word
    FROM proteins
    WHERE layer IS NOT NULL
    GROUP BY sequence_id
),

layer_counts AS (
    SELECT layer, count(*) FILTER (has_word) AS n_with, count(*) FILTER (NOT has_word) AS n_others
    FROM sequence_words
    GROUP BY layer
),

shares AS (
    SELECT *, n_with / nullif(sum(n_with) OVER (), 0) AS share_with,
           n_others / nullif(sum(n_others) OVER (), 0) AS share_others
    FROM layer_counts
)

SELECT layer, n_with, round(share_with, 3) AS share_with, n_others, round(share_others, 3) AS share_others,
       round(share_with / nullif(share_others, 0), 2) AS ratio
FROM shares
ORDER BY layer
