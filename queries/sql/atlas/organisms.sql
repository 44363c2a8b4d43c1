-- title: Organisms the proteins are from
-- topic: The atlas
-- answers: Which proteomes is this atlas of, how much of each was computed, and from which kind of records?
-- columns:
--   n_proteins: Accessions.
--   n_sequences: Distinct sequences that were computed.
--   n_isoforms: Accessions with the number of an isoform, such as P04637-2.
--   n_versioned: Accessions whose header has a sequence version (SV=), so that the UniProt entry can be dated.
--   n_not_computed: Accessions that were skipped or failed.
--   n_residues: Residues of the computed distinct sequences.
--   n_sites: High-attention sites on the computed distinct sequences.
-- grain: organism, taxon_id
-- decomposes: sum
-- source: Headers of the input; `attlas info` tells the model, its revision and the rule.
WITH distinct_sequences AS (
    -- A sequence counts once for each organism that has it.
    SELECT organism, taxon_id, sequence_id, any_value(length) AS length, any_value(n_sites) AS n_sites
    FROM proteins
    WHERE status = 'ok'
    GROUP BY organism, taxon_id, sequence_id
),

sequence_counts AS (
    SELECT organism, taxon_id, count(*) AS n_sequences, sum(length)::BIGINT AS n_residues,
           sum(n_sites)::BIGINT AS n_sites
    FROM distinct_sequences
    GROUP BY organism, taxon_id
),

protein_counts AS (
    SELECT organism, taxon_id, count(*) AS n_proteins,
           count(*) FILTER (regexp_full_match(accession, '.+-[0-9]+')) AS n_isoforms,
           count(sequence_version) AS n_versioned, count(*) FILTER (status <> 'ok') AS n_not_computed
    FROM proteins
    GROUP BY organism, taxon_id
),

sums AS (
    SELECT r.organism, r.taxon_id, r.n_proteins, coalesce(c.n_sequences, 0) AS n_sequences, r.n_isoforms,
           r.n_versioned, r.n_not_computed, coalesce(c.n_residues, 0) AS n_residues, coalesce(c.n_sites, 0) AS n_sites
    FROM protein_counts AS r
    LEFT JOIN sequence_counts AS c
    ON c.organism IS NOT DISTINCT FROM r.organism AND c.taxon_id IS NOT DISTINCT FROM r.taxon_id
)

SELECT organism, taxon_id, n_proteins, n_sequences, n_isoforms, n_versioned, n_not_computed, n_residues, n_sites
FROM sums
ORDER BY n_proteins DESC, organism, taxon_id
