-- returns: Area under the receiver's curve from ranks, an aggregate: the chance that a member has a higher rank than
--   another; empty where all or none are members.
-- notes: place is the rank of each value counted from 1, tied values sharing the mean of theirs.
-- source: Mann and Whitney 1947.
CREATE MACRO area_of_ranks(place, is_member) AS
    (sum(place) FILTER (is_member) - count(*) FILTER (is_member) * (count(*) FILTER (is_member) + 1) / 2)
    / nullif(count(*) FILTER (is_member) * count(*) FILTER (NOT is_member), 0)
