"""The card of a protein, as `show` prints it."""
