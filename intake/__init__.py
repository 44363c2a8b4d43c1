"""Files that people hand in, for both rooms: opened, decoded, split into rows, checked against stored proteins."""
