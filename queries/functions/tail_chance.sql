-- returns: The chance beyond each end of an interval, if n_tests intervals shall all hold with 95 %: 0.025 / n_tests.
-- source: Bonferroni's correction, half of 5 % to either side.
CREATE MACRO tail_chance(n_tests) AS 0.05::DOUBLE / 2 / n_tests
