"""Structure files as a source of annotation: their chains laid onto proteins, as coordinates and features."""
