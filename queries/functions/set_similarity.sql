-- returns: How alike two sets of vectors of length 1 are, at most 1: the mean of two means, of the best cosine to a
--   vector of the other set, over the vectors of each.
-- notes: a_vectors and b_vectors are lists of lists of numbers.
-- source: Nayar, Tartici and Altman 2025.
CREATE MACRO set_similarity(a_vectors, b_vectors) AS
    (list_avg([list_max([list_inner_product(a, b) FOR b IN b_vectors]) FOR a IN a_vectors])
     + list_avg([list_max([list_inner_product(a, b) FOR a IN a_vectors]) FOR b IN b_vectors])) / 2
