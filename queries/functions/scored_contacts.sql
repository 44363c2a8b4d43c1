-- returns: The stored pairs of residues with the score that ranks those of a protein, by the contact head or by fused
--   heads.
-- notes: method is 'contact_head', whose score is a probability, or 'fused_heads', whose score is none. Columns:
--   accession, i, j, score, chose_heads (the heads were chosen on this sequence, which cannot judge them).
-- source: Rao et al. 2020 for the contact head; arXiv 2606.21876 for fused heads.
CREATE MACRO scored_contacts(method) AS TABLE
    SELECT accession, i, j, probability AS score, false AS chose_heads
    FROM main.contacts
    WHERE CASE method WHEN 'contact_head' THEN true WHEN 'fused_heads' THEN false
                      ELSE error('Contacts are by contact_head or by fused_heads.') END
    UNION ALL
    SELECT accession, i, j, score, chose_heads
    FROM main.fused_contacts
    WHERE method = 'fused_heads'
