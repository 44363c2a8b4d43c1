-- returns: Attention received by each residue in each layer: the lists of `residues`, a row per layer.
-- notes: Columns are accession, position, layer (counted from 0) and received.
--   `FROM profile() WHERE accession = 'P04637' AND layer = 6` is the profile of one protein in one layer.
CREATE MACRO profile() AS TABLE
    -- The number of layers stands in the type of the column, such as FLOAT[33].
    WITH layers AS (
        SELECT unnest(range(regexp_extract(type, '\[(\d+)\]', 1)::INTEGER))::SMALLINT AS layer
        FROM main.docs
        WHERE table_name = 'residues' AND column_name = 'received'
    )
    -- Beside a table of layers, not by `unnest(received)`: a condition on `accession` or `layer` then is met before the
    -- lists are taken apart.
    SELECT residues.accession, residues.position, layers.layer, residues.received[layers.layer + 1] AS received
    FROM main.residues CROSS JOIN layers
