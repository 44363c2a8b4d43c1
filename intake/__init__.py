"""What people hand in, for both rooms: files opened, decoded, split into rows, checked against stored proteins."""
