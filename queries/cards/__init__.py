"""What `show` prints of a protein."""
