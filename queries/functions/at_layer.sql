-- returns: Value in a layer, counted from 0, of a list with one element per layer, such as `received`.
-- notes: DuckDB counts the elements of a list from 1, and gives NULL for one that is not there; a layer that the model
--   does not have is an error here. Of a list that is NULL it is NULL.
CREATE MACRO at_layer(per_layer, layer) AS
    CASE WHEN per_layer IS NULL OR layer IS NULL THEN NULL
         WHEN layer >= 0 AND layer % 1 = 0 AND layer < len(per_layer) THEN per_layer[(layer + 1)::INTEGER]
         ELSE error(concat('there is no layer ', layer, ', layers are 0 to ', len(per_layer) - 1)) END
