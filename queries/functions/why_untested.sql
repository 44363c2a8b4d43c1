-- returns: Why a row has no interval and no p value; empty where it has them.
-- notes: n_proteins, df and error are those of `effective_df` and `error_over_proteins`.
CREATE MACRO why_untested(n_proteins, df, error) AS
    CASE WHEN too_few_proteins(n_proteins) IS NOT NULL THEN too_few_proteins(n_proteins)
         WHEN df IS NULL THEN 'nearly all is of one protein'
         WHEN error IS NULL THEN 'all proteins agree' END
