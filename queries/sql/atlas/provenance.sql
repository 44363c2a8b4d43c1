-- title: Where the numbers are from
-- topic: The atlas
-- answers: Which model with which weights, which rule, input, versions and counts is this atlas of?
-- columns:
--   name: What is said.
--   value: The value, as text; `none` where there is no such bound.
-- grain: name
-- source: The manifest of the atlas; `attlas info` tells the same in sentences.
SELECT name, value
FROM provenance
ORDER BY name
