-- returns: Each labelled pair in each fold of the proteins: on the side that judges, with both proteins in the fold, or
--   on the side that chooses, with neither.
-- notes: A protein is dealt into a fold by the checksum of its sequence, so that proteins of one sequence are in one
--   fold, whatever their accessions. Pairs with one protein in the fold are on neither side. Columns: pair_id, fold
--   (from 0), judges.
CREATE MACRO pair_folds(n_folds) AS TABLE
    WITH dealt AS (
        SELECT p.pair_id, md5_number_lower(a.md5) % n_folds AS fold, md5_number_lower(b.md5) % n_folds AS partner_fold
        FROM main.pairs AS p
        JOIN main.proteins AS a ON a.accession = p.accession
        JOIN main.proteins AS b ON b.accession = p.partner
        WHERE p.status = 'ok' AND p.label IS NOT NULL
    )

    SELECT d.pair_id, numbers.fold, d.fold = numbers.fold AS judges
    FROM dealt AS d, range(n_folds) AS numbers(fold)
    WHERE (d.fold = numbers.fold) = (d.partner_fold = numbers.fold)
