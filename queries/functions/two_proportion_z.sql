-- returns: z of k out of n against background_k out of background_n, each trial taken as independent.
-- source: Vig et al. 2021 (ICLR).
CREATE MACRO two_proportion_z(k, n, background_k, background_n) AS
    (k / nullif(n, 0) - background_k / background_n)
    / nullif(sqrt((k::DOUBLE + background_k) / (n::DOUBLE + background_n)
                  * (1 - (k::DOUBLE + background_k) / (n::DOUBLE + background_n))
                  * (1 / nullif(n, 0) + 1 / background_n)), 0)
