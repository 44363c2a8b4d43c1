-- returns: Standard error of an estimate, an aggregate over its values without each unit in turn; empty for fewer
--   than five units, and where all agree.
-- source: Efron and Stein 1981.
CREATE MACRO jackknife_error(estimate) AS
    CASE WHEN count(estimate) >= fewest_proteins() AND max(estimate) - min(estimate) > 1e-12
         THEN sqrt(count(estimate) - 1) * stddev_pop(estimate) END
