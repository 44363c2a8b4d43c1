-- returns: How often a unit is in a replicate of a bootstrap, by a column of random numbers from 0 to 65535.
-- source: Poisson weights of mean 1: Chamandy et al. 2012.
CREATE MACRO poisson_weight(draw) AS
    (draw >= 24109)::INTEGER + (draw >= 48219)::INTEGER + (draw >= 60273)::INTEGER + (draw >= 64292)::INTEGER
    + (draw >= 65296)::INTEGER + (draw >= 65497)::INTEGER + (draw >= 65531)::INTEGER
