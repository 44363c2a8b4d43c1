-- returns: Standard error of a mean, an aggregate over its values; empty for fewer than five values, and where all
--   agree.
CREATE MACRO mean_error(x) AS
    CASE WHEN count(x) >= fewest_proteins() AND max(x) - min(x) > 1e-12 THEN stddev_samp(x) / sqrt(count(x)) END
