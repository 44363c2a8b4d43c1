-- returns: Variance of what a label gets of an amount n, if each of n_draws equal parts of it goes anywhere.
-- notes: share is the share of residues with the label. For a head, n is its attention and n_draws its edges, or the
--   residues that send it. Parts that go to the same residue are not independent, so the true variance is larger.
-- source: The binomial distribution.
CREATE MACRO chance_variance(n, share, n_draws) AS
    CASE WHEN n_draws > 0 THEN n::DOUBLE ^ 2 * share * (1 - share) / n_draws ELSE 0 END
