"""The readers of annotation, one format a file: each yields what a source says, protein by protein, unchecked."""
