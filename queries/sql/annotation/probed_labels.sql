-- title: The labels of the probe
-- topic: Annotation
-- needs: labels
-- answers: For which types of features and amino acids is it known what each head attends to, and over how many
--   residues? Each sequence once: where it has several accessions with the label, the first.
-- parameters:
--   proteins proteins = all: Ids to count over.
-- columns:
--   n_proteins: Proteins that carry the label, one for each sequence.
--   n_labelled: Their residues that carry it.
--   n_residues: All their residues.
--   background: The one over the other: what a head that looks anywhere would give.
-- grain: label
-- source: Vig et al. 2021 (ICLR) for the background.
WITH carriers AS (
    -- A sequence under several accessions counts once: as the first of those that carry it.
    SELECT label, min(accession) AS accession
    FROM labels
    WHERE $proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[]))
    GROUP BY label, sequence_id
)

SELECT label, count(*) AS n_proteins, sum(n_labelled)::BIGINT AS n_labelled, sum(length)::BIGINT AS n_residues,
       round(sum(n_labelled) / sum(length), 4) AS background
FROM carriers JOIN labels USING (label, accession)
GROUP BY label
ORDER BY sum(n_labelled) DESC, label
