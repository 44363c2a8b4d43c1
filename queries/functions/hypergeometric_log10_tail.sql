-- returns: Base-10 logarithm of the chance of k or more marked ones among n, drawn without replacement from n_all of
--   which n_marked are.
-- source: The sum of the hypergeometric distribution (Fisher's exact test, one-sided), in logarithms from its largest
--   term.
CREATE MACRO hypergeometric_log10_tail(k, n, n_marked, n_all) AS
    [[largest + ln(list_sum([exp(term - largest) FOR term IN terms])) FOR largest IN [list_max(terms)]][1]
     FOR terms IN [[log_choose(n_marked, i) + log_choose(n_all - n_marked, n - i) - log_choose(n_all, n)
                    FOR i IN range(greatest(k, n - n_all + n_marked)::BIGINT, least(n, n_marked)::BIGINT + 1)]]][1]
    / ln(10)
