-- returns: What labelled residues (k) and all residues (n) of each distinct sequence receive from each head, in one
--   form.
-- notes: names is a list of labels, NULL for all, `residue` among them; ids NULL is all proteins; form as in `in_form`.
--   Columns: label, accession, layer, head, n_edges (of all residues), n_labelled residues, length, k, n, shuffled (k
--   if the attention went anywhere in the protein) and by_chance, the variance of k then.
-- source: Vig et al. 2021 (ICLR).
CREATE MACRO label_edges(names, ids, form) AS TABLE
    -- A sequence under several accessions counts once: as the first of those with the label.
    WITH carriers AS (
        SELECT label, min(accession) AS accession
        FROM main.labels
        WHERE (names IS NULL OR label IN (SELECT unnest(names::VARCHAR[])))
              AND (ids IS NULL OR accession IN (SELECT unnest(ids::VARCHAR[])))
        GROUP BY label, sequence_id
    ),

    -- `residue` is the label of every residue: its rows hold all that a head gives.
    received AS (
        SELECT f.label, f.accession, f.layer, f.head, e.n_edges, l.n_labelled, l.length,
               l.n_labelled / l.length AS share,
               in_form(form, f.n_edges, f.edge_mass, f.mass) AS k,
               in_form(form, e.n_edges, e.edge_mass, e.mass) AS n
        FROM carriers AS c
        JOIN main.labels AS l ON l.accession = c.accession AND l.label = c.label
        JOIN main.head_features AS f ON f.accession = c.accession AND f.label = c.label
        JOIN main.head_features AS e
        ON e.accession = c.accession AND e.label = 'residue' AND e.layer = f.layer AND e.head = f.head
    )

    SELECT label, accession, layer, head, n_edges, n_labelled, length, k, n, n * share AS shuffled,
           chance_variance(n, share, attention_draws(form, n_edges, length)) AS by_chance
    FROM received
