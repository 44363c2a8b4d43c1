-- returns: The number that a standard normal one exceeds with a chance of p, above 0 and not above 0.5.
-- source: Wichura 1988, algorithm AS 241, PPND7; to six digits.
CREATE MACRO normal_quantile(p) AS
    CASE WHEN p <= 0 OR p > 0.5 THEN NULL
         WHEN p > 0.075
         THEN (0.5 - p)
              * list_sum([c * (0.180625 - (0.5 - p) ^ 2) ^ (i - 1)
                          FOR c, i IN [3.3871327179, 50.434271938, 159.29113202, 59.109374720]])
              / list_sum([c * (0.180625 - (0.5 - p) ^ 2) ^ (i - 1)
                          FOR c, i IN [1.0, 17.895169469, 78.757757664, 67.187563600]])
         WHEN p > exp(-25)
         THEN list_sum([c * (sqrt(-ln(p)) - 1.6) ^ (i - 1)
                        FOR c, i IN [1.4234372777, 2.7568153900, 1.3067284816, 0.17023821103]])
              / list_sum([c * (sqrt(-ln(p)) - 1.6) ^ (i - 1) FOR c, i IN [1.0, 0.73700164250, 0.12021132975]])
         ELSE list_sum([c * (sqrt(-ln(p)) - 5) ^ (i - 1)
                        FOR c, i IN [6.6579051150, 3.0812263860, 0.42868294337, 0.017337203997]])
              / list_sum([c * (sqrt(-ln(p)) - 5) ^ (i - 1) FOR c, i IN [1.0, 0.24197894225, 0.012258202635]]) END
