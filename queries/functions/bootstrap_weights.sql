-- returns: How often each accession of a list is in each replicate of a bootstrap, where it is in it at all.
-- notes: accessions is a list. Columns: accession, replicate (from 0), weight (from 1).
-- source: Poisson weights of mean 1, from digests of accession, block and seed: Chamandy et al. 2012.
CREATE MACRO bootstrap_weights(accessions, replicates, seed) AS TABLE
    SELECT accession, replicate, poisson_weight(draw) AS weight
    FROM (
        SELECT accession, block * 4 + part AS replicate, ((bits >> (16 * part)) & 65535)::INTEGER AS draw
        FROM (
            SELECT accession, block, md5_number_lower(concat_ws(':', accession, block, seed::BIGINT)) AS bits
            FROM (SELECT unnest(accessions) AS accession), range((replicates::BIGINT + 3) // 4) AS b(block)
        ), range(4) AS p(part)
    )
    WHERE replicate < replicates::BIGINT AND poisson_weight(draw) > 0
