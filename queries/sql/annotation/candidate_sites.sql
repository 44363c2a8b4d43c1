-- title: Residues that may be sites, of proteins without a known one
-- topic: Annotation
-- needs: candidate_sites
-- answers: Which residues of a protein without a known site would be one, if the protein has such a site? Ranked by a
--   model that was fitted on labelled proteins. Predictions, not annotations.
-- parameters:
--   types texts of candidate_sites.type = all: Types of site that were predicted, such as Active site.
--   proteins proteins = all: Ids to list.
--   n int 1.. = 3: Residues of each protein, besides those that homology gives.
-- columns:
--   probability: Probability given that the protein has such a site; null where the calibration does not allow one.
--   score: Log odds of the model, before calibration.
--   evidence: What speaks for it: kinds of columns with the log odds that they add, the strongest first.
--   homolog: Labelled protein whose aligned site of the same letter gives the residue: then it is homology's answer.
--   identity: Identity of the nearest labelled protein, aligned over half of the shorter one.
--   nearest: That protein.
--   nearest_sites: What is known of it: its labelled residues.
--   is_site: The residue is a high-attention site.
--   evidence_code: ECO:0008004, machine learning method evidence used in automatic assertion.
--   says: What goes with every prediction.
-- grain: accession, type, position
-- source: `attlas evaluate candidates`: ridge logistic regression or boosted trees, calibrated on families held out
--   (docs/claim-three.md).
SELECT c.accession, c.type, c.rank, c.position, c.residue, round(c.probability::DOUBLE, 3) AS probability,
       round(c.score::DOUBLE, 2) AS score, c.evidence, c.homolog, round(c.identity::DOUBLE, 3) AS identity, c.nearest,
       c.nearest_sites,
       s.position IS NOT NULL AS is_site, 'ECO:0008004' AS evidence_code,
       'A prediction, not an annotation: the probability holds only if the protein has such a site, '
       || 'and says nothing of whether it has one.' AS says
FROM candidate_sites AS c LEFT JOIN sites AS s ON s.accession = c.accession AND s.position = c.position
WHERE (c.rank <= $n OR c.homolog IS NOT NULL)
      AND ($types IS NULL OR c.type IN (SELECT unnest($types::VARCHAR[])))
      AND ($proteins IS NULL OR c.accession IN (SELECT unnest($proteins::VARCHAR[])))
ORDER BY c.accession, c.type, c.rank, c.position
