-- returns: Degrees of freedom of an area under the receiver's curve over groups: the groups of the rarer kind less 1;
--   empty for fewer than five.
-- notes: it is on the safe side: an error from few groups of one kind is as uncertain as those groups let it be.
CREATE MACRO groups_df(n_member_groups, n_other_groups) AS
    CASE WHEN least(n_member_groups, n_other_groups) >= fewest_proteins()
         THEN least(n_member_groups, n_other_groups) - 1 END
