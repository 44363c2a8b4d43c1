"""Attention against annotation: what labelled residues receive from each head, added to a sealed atlas."""
