"""Words in the rows of an atlas that the code depends on: labels of the probe and types of paired features.

The SQL of `queries/` repeats them as literals; a test compares both.
"""

EVERY_RESIDUE = "residue"
"""The probe's label that every residue carries."""
AMINO_ACID = "aa:"
"""The beginning of the probe's label of an amino acid; the letter follows."""
PAIRED_TYPES = ("Disulfide bond", "Cross-link")
"""Types of features whose `begin` and `end` are two residues joined to each other, not a range."""


def is_label_of_probe(text: str) -> bool:
    """Return whether a label is made by the probe itself, not a type of feature; letter case matters."""
    return text == EVERY_RESIDUE or text.startswith(AMINO_ACID)
