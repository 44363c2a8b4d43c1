"""Contacts between two proteins from a table of text, checked against both sequences."""
