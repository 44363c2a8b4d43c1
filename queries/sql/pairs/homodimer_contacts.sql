-- title: Contacts within a protein that a homodimer's cross block repeats
-- topic: Pairs
-- needs: pair_contacts, partner_contacts, coordinates
-- answers: How many of the contacts that the contact head predicts between two copies of a protein only repeat
--   contacts within one copy, and how many are contacts between the copies? A contact within and not between is not
--   evidence of an interface, even if the model finds it probable. For comparison, the density of each kind of
--   contact is given. Pairs of one sequence are one independent unit. Homologous sequences count as independent,
--   because this question does without `attlas interfaces`, which groups pairs: leave all but one of a family out of
--   the file of pairs.
-- empty: No pair of a sequence with itself has contacts predicted, and contacts between two copies in a structure.
-- parameters:
--   apart int 0.. = 6: Fewest residues along the sequence between the two. Residues nearer than 6 are no contacts
--     within; with 0 the best pairs are often each residue and its own counterpart in the other copy.
-- columns:
--   contact: `within`: within one copy, in its chain with most residues, and not between two; `across`: between two
--     copies in any structure, and not within; `both`; or `none`.
--   n_pairs: Pairs of a sequence with itself that have such pairs of residues.
--   n_sequences: Distinct sequences of these pairs; they are the independent units.
--   n_best: The best L/10 pairs of residues of each of them, where L is the number of its residues in the structure;
--     fewer if the atlas has fewer.
--   n_contacts: Contacts of this kind among them.
--   share: Share of this kind among the best pairs of residues; mean over pairs.
--   low: Lower end of its interval at the level `confidence`, by a jackknife over sequences and Student's t. It leaves
--     out `chance` if and only if log10_p is below -1.3.
--   high: Upper end.
--   chance: Share of this kind among all pairs of residues in the structure that are as far apart; mean over pairs.
--   log10_p: Logarithm to base 10 of the two-sided p value of the share less chance times the number of rows of the
--     form (Bonferroni), 0 at most.
--   confidence: Level of the interval: 1 - 0.05 / number of rows of the form.
--   note: Why a row has no interval and no p value; empty if it has them.
-- grain: form, contact
-- source: A contact is a pair of C-betas closer than 8 angstrom, within a chain at least six residues apart; interval
--   and test: jackknife over sequences (Tukey 1958) with Student's t.
WITH predicted AS (
    SELECT c.pair_id, c.form, a.sequence_id, c.i, c.j, c.probability
    FROM pair_contacts AS c
    JOIN proteins AS a ON a.accession = c.accession
    JOIN proteins AS b ON b.accession = c.partner AND b.sequence_id = a.sequence_id
    WHERE c.probability IS NOT NULL AND abs(c.i - c.j) >= $apart
),

-- Contacts between copies, in both directions.
across AS (
    SELECT DISTINCT sequence_id, unnest([i, j]) AS i, unnest([j, i]) AS j
    FROM (SELECT a.sequence_id, k.i, k.j
          FROM partner_contacts AS k
          JOIN proteins AS a ON a.accession = k.accession
          JOIN proteins AS b ON b.accession = k.partner AND b.sequence_id = a.sequence_id)
),

-- The C-beta (of glycine C-alpha) of every residue of these proteins.
atoms AS (
    SELECT sequence_id, accession, source, chain, position, of_atom('cb', ca_x, cb_x) AS x,
           of_atom('cb', ca_y, cb_y) AS y, of_atom('cb', ca_z, cb_z) AS z
    FROM main.coordinates
    WHERE sequence_id IN (SELECT sequence_id FROM predicted) AND sequence_id IN (SELECT sequence_id FROM across)
),

-- For each sequence, the chain with most residues.
chains AS (
    SELECT *
    FROM (SELECT sequence_id, accession, source, chain, count(*) AS n_residues
          FROM atoms
          WHERE x IS NOT NULL
          GROUP BY sequence_id, accession, source, chain)
    QUALIFY row_number() OVER (PARTITION BY sequence_id ORDER BY n_residues DESC, accession, source, chain) = 1
),

-- The residues of this chain: a place for each position.
places AS MATERIALIZED (
    SELECT sequence_id, position, x, y, z
    FROM atoms SEMI JOIN chains USING (sequence_id, accession, source, chain)
    WHERE x IS NOT NULL
),

-- Every two residues in contact of some kind.
copy_contacts AS MATERIALIZED (
    SELECT sequence_id, i, j,
           CASE WHEN w.is_within AND c.is_across THEN 'both' WHEN w.is_within THEN 'within' ELSE 'across' END AS contact
    FROM (SELECT a.sequence_id, a.position AS i, b.position AS j, true AS is_within
          FROM places AS a JOIN places AS b USING (sequence_id)
          WHERE abs(a.position - b.position) >= greatest($apart, 6) AND is_near(a.x - b.x, a.y - b.y, a.z - b.z)) AS w
    FULL JOIN (SELECT k.sequence_id, k.i, k.j, true AS is_across
               FROM (FROM across WHERE abs(i - j) >= $apart) AS k
               JOIN places AS a ON a.sequence_id = k.sequence_id AND a.position = k.i
               JOIN places AS b ON b.sequence_id = k.sequence_id AND b.position = k.j) AS c
    USING (sequence_id, i, j)
),

-- The best L/10 of each pair.
best AS (
    SELECT p.*
    FROM predicted AS p
    JOIN chains USING (sequence_id)
    SEMI JOIN places AS a ON a.sequence_id = p.sequence_id AND a.position = p.i
    SEMI JOIN places AS b ON b.sequence_id = p.sequence_id AND b.position = p.j
    QUALIFY row_number() OVER (PARTITION BY p.pair_id, p.form ORDER BY p.probability DESC, p.i, p.j)
            <= greatest(n_residues // 10, 1)
),

-- How many pairs of residues count for each pair of proteins.
counts AS (
    SELECT pair_id, form, sequence_id, count(*) AS n_best
    FROM best
    GROUP BY pair_id, form, sequence_id
),

kinds AS (SELECT unnest(['within', 'across', 'both', 'none']) AS contact),

-- Ordered pairs of residues, of which contacts are a share.
sizes AS (
    SELECT a.sequence_id, count(*) AS n_pairs
    FROM places AS a JOIN places AS b
        ON b.sequence_id = a.sequence_id AND abs(a.position - b.position) >= $apart
    GROUP BY a.sequence_id
),

-- What chance gives: the share of each kind among all pairs of residues.
densities AS (
    SELECT sequence_id, contact, n / n_pairs AS density
    FROM (SELECT sequence_id, contact, count(*) AS n FROM copy_contacts GROUP BY sequence_id, contact)
    JOIN sizes USING (sequence_id)
),

-- A row for each pair, form and kind of contact.
contact_counts AS (
    SELECT c.form, c.pair_id, c.sequence_id, k.contact, c.n_best, count(b.i) AS n_contacts,
           CASE WHEN k.contact = 'none'
                THEN 1 - (SELECT coalesce(sum(density), 0) FROM densities AS d WHERE d.sequence_id = c.sequence_id)
                ELSE coalesce(any_value(d.density), 0) END AS chance
    FROM counts AS c
    CROSS JOIN kinds AS k
    LEFT JOIN (SELECT best.*, coalesce(contact, 'none') AS contact
               FROM best LEFT JOIN copy_contacts USING (sequence_id, i, j)) AS b
        ON b.pair_id = c.pair_id AND b.form = c.form AND b.contact = k.contact
    LEFT JOIN densities AS d ON d.sequence_id = c.sequence_id AND d.contact = k.contact
    GROUP BY c.form, c.pair_id, c.sequence_id, k.contact, c.n_best
),

-- Numbers over all pairs of proteins.
sums AS (
    SELECT form, contact, sum(n_best)::INTEGER AS n_best, sum(n_contacts)::INTEGER AS n_contacts
    FROM contact_counts
    GROUP BY form, contact
),

-- Shares and their chance, with sequences as units.
means AS (
    FROM group_means((SELECT list({'family': form, 'key': contact, 'homology_group': sequence_id,
                                   'value': n_contacts / n_best, 'baseline': chance}) FROM contact_counts))
)

SELECT form, contact, n_values AS n_pairs, n_groups AS n_sequences, n_best, n_contacts, round(mean, 4) AS share,
       round(clamped(low, 0, 1), 4) + 0 AS low, round(clamped(high, 0, 1), 4) + 0 AS high,
       round(baseline, 4) AS chance, round(log10_p, 2) + 0 AS log10_p, round(confidence, 6) AS confidence,
       replace(replace(note, 'homology groups', 'sequences'), 'one homology group', 'one sequence') AS note
FROM means JOIN sums ON sums.form = family AND contact = key
ORDER BY form, list_position(['within', 'across', 'both', 'none'], contact)
