-- returns: A list of numbers over its Euclidean length; zeros where this is 0.
CREATE MACRO unit_vector(numbers) AS
    [coalesce(x / nullif(sqrt(list_inner_product(numbers, numbers)), 0), 0) FOR x IN numbers]
