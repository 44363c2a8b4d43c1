-- returns: The number of proteins below which no interval and no p value is given: 5.
-- notes: The spread between proteins is estimated from the proteins themselves; of fewer, that estimate is mostly
--   chance.
CREATE MACRO fewest_proteins() AS 5
