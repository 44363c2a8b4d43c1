-- returns: Pearson's correlation of two columns over the rows that have both, an aggregate; empty where one of them
--   does not vary.
-- notes: Of ranks it is Spearman's correlation.
CREATE MACRO correlation(x, y) AS
    CASE WHEN max(x) FILTER (y IS NOT NULL) - min(x) FILTER (y IS NOT NULL) > 1e-9
              AND max(y) FILTER (x IS NOT NULL) - min(y) FILTER (x IS NOT NULL) > 1e-9
         THEN corr(x, y) END
