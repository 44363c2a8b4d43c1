"""Words that stand in the rows of an atlas and have a meaning of their own: labels of the probe, paired features.

The SQL of `queries/` says them as literals; a test holds them to these.
"""

EVERY_RESIDUE = "residue"
"""The probe's label of every residue."""
AMINO_ACID = "aa:"
"""What the probe's label of an amino acid begins with; the letter follows."""
PAIRED_TYPES = ("Disulfide bond", "Cross-link")
"""Types of features whose `begin` and `end`, where they differ, are two residues joined to each other and no range."""


def is_label_of_probe(text: str) -> bool:
    """Tell whether a label is one that the probe makes itself, not a type of feature; letter case counts."""
    return text == EVERY_RESIDUE or text.startswith(AMINO_ACID)
