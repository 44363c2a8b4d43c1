"""Structures: the protein chains of PDB and mmCIF files, laid onto the proteins of an atlas."""
