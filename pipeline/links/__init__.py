"""Links: the strongest attention weights between two residues of a protein, a bounded choice of them."""
