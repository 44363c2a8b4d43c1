-- title: Proteins of one name, compared
-- topic: Families
-- answers: Do proteins whose entry names begin alike, such as TPIS_HUMAN and TPIS_BACSU or CALM1 and CALM3, agree in
--   layer and sites? Names are a first guess at homology: numbers at their end are dropped, and what is left has three
--   letters or more. Isoforms are left out, and a sequence under several accessions counts once.
-- parameters:
--   min_size int 2.. = 2: Fewest sequences of a family.
-- columns:
--   family: What the entry names have in common.
--   n_sequences: Distinct sequences.
--   accessions: Their accessions, ten at most.
--   n_layers: Different layers of convergence among them.
--   commonest_layer: The commonest of these, the first among equals, 0-based.
--   share_at_layer: Share of the sequences that converge there.
--   mean_sites: Sites of a sequence, mean.
--   shared_motif: Site with its neighbours, three residues, that most of the sequences have; empty if none is shared.
--   n_with_motif: Sequences with a site of this motif.
-- grain: family
-- source: Entry names of UniProt: a mnemonic of the protein, and of the organism after `_`.
WITH named_sequences AS (
    -- A family is the entry name without its digits and species: `CALM` of `CALM1_HUMAN`.
    SELECT sequence_id, rtrim(split_part(entry_name, '_', 1), '0123456789') AS family,
           min(accession) AS accession, any_value(layer) AS layer, any_value(n_sites) AS n_sites,
           any_value(sequence) AS sequence
    FROM proteins
    WHERE layer IS NOT NULL AND contains(entry_name, '_') AND split_part(entry_name, '_', 1) <> accession
          AND NOT regexp_full_match(accession, '.+-[0-9]+')
    GROUP BY sequence_id, family
    HAVING length(family) >= 3
),

-- Entry names of one stem, such as `HBA` of HBA_HUMAN and HBA_MOUSE.
families AS (
    SELECT family, count(*) AS n_sequences, list(accession ORDER BY accession) AS accessions,
           count(DISTINCT layer) AS n_layers, avg(n_sites) AS mean_sites
    FROM named_sequences
    GROUP BY family
    HAVING count(*) >= $min_size
),

layer_counts AS (SELECT family, layer, count(*) AS n FROM named_sequences GROUP BY family, layer),

commonest_layers AS (
    SELECT family, arg_min(layer, (-n, layer)) AS layer, max(n) AS n
    FROM layer_counts
    GROUP BY family
),

-- Each site with the residue before and after it.
motifs AS (
    SELECT n.family, n.sequence_id, n.sequence[s.position - 1:s.position + 1] AS motif
    FROM named_sequences AS n JOIN sites AS s USING (accession)
    WHERE s.position BETWEEN 2 AND length(n.sequence) - 1
),

motif_counts AS (
    SELECT family, motif, count(DISTINCT sequence_id) AS n
    FROM motifs
    GROUP BY family, motif
    HAVING count(DISTINCT sequence_id) > 1
),

-- The motif that most sequences of a family share.
shared_motifs AS (SELECT family, arg_min(motif, (-n, motif)) AS motif, max(n) AS n FROM motif_counts GROUP BY family)

SELECT family, f.n_sequences, f.n_layers, c.layer AS commonest_layer, round(c.n / f.n_sequences, 2) AS share_at_layer,
       round(f.mean_sites, 1) AS mean_sites, lower(s.motif[1]) || s.motif[2] || lower(s.motif[3]) AS shared_motif,
       coalesce(s.n, 0) AS n_with_motif, array_to_string(f.accessions[:10], ' ') AS accessions
FROM families AS f JOIN commonest_layers AS c USING (family) LEFT JOIN shared_motifs AS s USING (family)
ORDER BY n_with_motif / f.n_sequences DESC, f.n_sequences DESC, family
