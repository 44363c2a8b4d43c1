-- returns: Why a row has no interval and no p value; empty where it has them.
-- notes: n_proteins, df and error are those of `effective_df` and `error_over_proteins`.
CREATE MACRO why_untested(n_proteins, df, error) AS
    CASE WHEN coalesce(n_proteins, 0) < fewest_proteins() THEN 'fewer than ' || fewest_proteins() || ' proteins'
         WHEN df IS NULL THEN 'nearly all is of one protein'
         WHEN error IS NULL THEN 'all proteins agree' END
