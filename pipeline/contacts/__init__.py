"""Contacts from attention: the contact head's probabilities, and single heads against the contacts of structures."""
