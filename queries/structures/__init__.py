"""PDB and mmCIF files joined to proteins by their letters."""
