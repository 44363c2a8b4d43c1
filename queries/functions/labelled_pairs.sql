-- returns: The labelled pairs with a statistic of each head, and which are binders: as labelled, and in permutations
--   of the labels over the pairs.
-- notes: dimers is heteromers, homodimers or all: the pairs that count, and are permuted. Columns: permutation (0: the
--   labels as they are), form, layer, head, pair_id, accession, partner, value, is_binder. A permutation keeps the
--   number of binders; the same numbers give the same permutations everywhere.
CREATE MACRO labelled_pairs(statistic, binder, n_permutations, dimers) AS TABLE
    WITH labelled AS (
        SELECT pair_id, label = binder AS is_binder
        FROM main.pairs
        WHERE status = 'ok' AND label IS NOT NULL
              AND of_dimers(pair_id IN (SELECT h.pair_id FROM main.pair_heads AS h WHERE h.mirror IS NOT NULL), dimers)
    ),

    -- Permutation 0 has the labels as they are. In every other as many pairs are binders, in another order.
    permuted AS (
        SELECT permutation, pair_id,
               CASE WHEN permutation = 0 THEN is_binder
                    ELSE row_number() OVER (PARTITION BY permutation
                                             ORDER BY md5(permutation || ' ' || pair_id), pair_id)
                         <= (SELECT count(*) FROM labelled WHERE is_binder) END AS is_binder
        FROM labelled, range(n_permutations + 1) AS numbers(permutation)
    )

    SELECT p.permutation, s.form, s.layer, s.head, s.pair_id, s.accession, s.partner, s.value, p.is_binder
    FROM permuted AS p JOIN pair_statistics(statistic) AS s USING (pair_id)
    WHERE s.value IS NOT NULL
