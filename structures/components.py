"""The components of the PDB by the letters of the residues that they stand for."""

COMPONENTS = {
    "A": "ALA", "R": "ARG", "N": "ASN", "D": "ASP", "C": "CYS", "Q": "GLN", "E": "GLU", "G": "GLY", "H": "HIS",
    "I": "ILE", "L": "LEU", "K": "LYS", "M": "MET", "F": "PHE", "P": "PRO", "S": "SER", "T": "THR", "W": "TRP",
    "Y": "TYR", "V": "VAL", "U": "SEC", "O": "PYL", "B": "ASX", "Z": "GLX",
}  # fmt: skip
"""Component of each letter (IUPAC-IUB 1983; PDB chemical component dictionary)."""
