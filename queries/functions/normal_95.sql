-- returns: How many standard deviations to each side of the mean hold 95 % of a normal distribution.
-- source: The normal distribution.
CREATE MACRO normal_95() AS 1.959964::DOUBLE
