-- returns: Standard error of an estimate, an aggregate over the parts that groups have in it; empty where all are 0.
-- source: Obuchowski, Biometrics 1997.
CREATE MACRO parts_error(part) AS
    CASE WHEN sum(part ^ 2) > 1e-18 THEN sqrt(count(part) / nullif(count(part) - 1, 0) * sum(part ^ 2)) END
