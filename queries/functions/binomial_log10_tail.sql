-- returns: Base-10 logarithm of the chance of k or more of n, each with a chance of q; 0 where q is 0, 1 or empty.
-- source: The sum of the binomial distribution, in logarithms from its largest term.
CREATE MACRO binomial_log10_tail(k, n, q) AS
    CASE WHEN k > 0 AND q BETWEEN 1e-300 AND 1 - 1e-12
         THEN [[most + ln(list_sum([exp(term - most) FOR term IN terms])) FOR most IN [list_max(terms)]][1]
               FOR terms IN [[log_choose(n, i) + i * ln(q) + (n - i) * ln(1 - q) FOR i IN range(k::BIGINT, n + 1)]]][1]
              / ln(10)
         ELSE 0 END
