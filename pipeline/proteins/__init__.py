"""The proteins of a FASTA file."""
