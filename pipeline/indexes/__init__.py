"""The indexes by which proteins are found: of their names, of the words of these, and of members of clusters."""
