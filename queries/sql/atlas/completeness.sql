-- title: What became of the proteins of the input
-- topic: The atlas
-- answers: Is the atlas complete? Every protein that was asked for, counted by its outcome and the reason for it.
-- columns:
--   outcome: `sites found`, with a flag of many, or why there are none, or why the protein was not computed.
--   n_proteins: Accessions.
--   n_sequences: Distinct sequences among them.
--   n_records: Input records; more than accessions where a record was repeated.
--   n_residues: Residues of the distinct sequences.
--   shortest: Length of the shortest, residues.
--   longest: Length of the longest, residues.
--   example: The first accession, for a look with `attlas show`.
-- grain: status, outcome
-- source: The contract of an atlas: requested = ok + skipped + failed, every one named.
WITH outcomes AS (
    SELECT status,
           coalesce(reason, CASE WHEN n_sites > 0 THEN concat_ws(', ', 'sites found', sites_note) END, sites_note)
               AS outcome,
           accession, sequence, length, n_records
    FROM proteins
),

-- A sequence counts once, under all the accessions that share it.
distinct_sequences AS (
    SELECT status, outcome, sequence, min(accession) AS accession, count(*) AS n_proteins,
           sum(n_records) AS n_records, any_value(length) AS length
    FROM outcomes
    GROUP BY status, outcome, sequence
)

SELECT status, outcome, sum(n_proteins)::BIGINT AS n_proteins, count(*) AS n_sequences,
       sum(n_records)::BIGINT AS n_records, sum(length)::BIGINT AS n_residues,
       min(length) AS shortest, max(length) AS longest, min(accession) AS example
FROM distinct_sequences
GROUP BY status, outcome
ORDER BY n_proteins DESC, status, outcome
