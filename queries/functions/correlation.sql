-- returns: Pearson's correlation of two columns, an aggregate; empty where one of them does not vary.
-- notes: Of ranks it is Spearman's correlation.
CREATE MACRO correlation(x, y) AS
    CASE WHEN max(x) - min(x) > 1e-9 AND max(y) - min(y) > 1e-9 THEN corr(x, y) END
