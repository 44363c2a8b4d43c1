"""Probing classifiers: how well letters, attention and hidden states tell labelled residues, on families left out."""
