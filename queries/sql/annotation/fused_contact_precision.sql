-- title: Precision of contacts by fused heads, beside the contact head
-- topic: Annotation
-- needs: fused_contacts, coordinates
-- answers: Are the pairs that a few heads together find contacts, and does the contact head find more? Both are judged
--   on the same sequences: those with pairs by fused heads, without those on which the heads were chosen. Rows of the
--   contact head are there where the atlas has its contacts. What is counted, and how it is tested, is as in
--   `contact_precision`.
-- parameters:
--   atom text ca|cb = cb: C-alpha, or C-beta (of glycine C-alpha), which contact heads are fitted to.
--   structures text one|all = one: Of each sequence the chain with the most residues, or every chain.
--   proteins proteins = all: Ids to count over.
-- columns:
--   method: Whose score ranks the pairs: fused_heads or contact_head.
--   range: How far apart along the sequence: short, medium or long.
--   cut: How many of the best pairs of a structure are looked at: L (its residues with coordinates), L/2 or L/5.
--   n_proteins: Distinct sequences with a structure that has such pairs.
--   n_structures: Chains of structures.
--   n_too_few: Of these, chains of which fewer pairs are stored than were to be looked at: their precision is too high.
--   n_pairs: Pairs looked at.
--   n_contacts: Of these, contacts: nearer than 8 angstrom.
--   precision: Share of contacts, all pairs together.
--   proteins_low: Lower end of the interval of the precision with proteins as the independent units, at the level
--     `confidence`: precision less the reach of what it is beyond the shuffled, by a jackknife over proteins and
--     Student's t. It leaves out the shuffled if and only if proteins_log10_p is below -1.3.
--   proteins_high: Upper end.
--   proteins_t: Student's t of the precision less the shuffled, by the same error.
--   proteins_log10_p: Logarithm to base 10 of its two-sided p value times the number of rows of the method
--     (Bonferroni), 0 at most.
--   confidence: Level of the interval: 1 - 0.05 / number of rows of the method, so that all hold at once with 95 %.
--   note: Why a row has no interval and no p value; empty if it has them.
--   mean_precision: Mean of the precision of each structure, as papers give it.
--   background: Share of contacts among all pairs of the range with coordinates.
--   ratio: Precision over background; 1 is no better than all pairs.
--   shuffled: What precision is if the scores of each structure are shuffled over its pairs of the range.
--   z: Two-proportion z of precision against the background, as published. It takes pairs as independent, which those
--     of a protein are not: another question than that of `proteins_t`, and on chance alone it rejects far too often.
--   log10_p: Logarithm to base 10 of the two-sided p value of z, times the number of rows (Bonferroni), 0 at most. Not
--     a p value to believe: see `z`.
-- grain: method, range, cut
-- source: arXiv 2606.21876 for fused heads; Rao et al. 2020 for ranges and cuts; interval and test: jackknife over
--   proteins (Tukey 1958; Cochran 1977, 6.15) with Student's t.
WITH judges AS (
    SELECT coalesce(list(DISTINCT accession), []) AS accessions
    FROM fused_contacts
    WHERE NOT chose_heads AND ($proteins IS NULL OR accession IN (SELECT unnest($proteins::VARCHAR[])))
),

-- Both methods judge the same list of accessions.
by_method AS (
    SELECT 'fused_heads' AS method, *
    FROM pooled_contact_precision($atom, $structures, (SELECT accessions FROM judges), 'fused_heads')
    UNION ALL
    SELECT 'contact_head' AS method, *
    FROM pooled_contact_precision($atom, $structures, (SELECT accessions FROM judges), 'contact_head')
)

SELECT * EXCLUDE (divisor)
FROM by_method
ORDER BY CASE range WHEN 'short' THEN 1 WHEN 'medium' THEN 2 ELSE 3 END, divisor, method DESC, range, cut
