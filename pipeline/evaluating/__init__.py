"""The protocol of the third claim: whether attention adds to what else predicts labelled residues, and by how much."""
