-- returns: A statistic of attention across each pair and head, of `pair_heads`: the mean over both proteins of the
--   pair, and over both orders where there are two.
-- notes: statistic is the name of a column: across_share, entropy_across, max_across, n_edges_across or mirror.
--   Columns: pair_id, accession, partner, form, layer, head, value.
CREATE MACRO pair_statistics(statistic) AS TABLE
    SELECT pair_id, any_value(accession ORDER BY place) AS accession, any_value(partner ORDER BY place) AS partner,
           form, layer, head,
           avg(CASE statistic WHEN 'across_share' THEN across_share WHEN 'entropy_across' THEN entropy_across
                              WHEN 'max_across' THEN max_across WHEN 'n_edges_across' THEN n_edges_across
                              WHEN 'mirror' THEN mirror END::DOUBLE) AS value
    FROM pair_heads
    WHERE chain_order <> 'mean'
    GROUP BY pair_id, form, layer, head
