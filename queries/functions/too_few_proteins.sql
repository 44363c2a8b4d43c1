-- returns: Why there is nothing of `of_enough_proteins`; empty where there are enough.
CREATE MACRO too_few_proteins(n_proteins) AS
    CASE WHEN coalesce(n_proteins, 0) < fewest_proteins() THEN 'fewer than ' || fewest_proteins() || ' proteins' END
