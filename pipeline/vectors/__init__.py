"""Vectors: hidden states of the model, pooled over a protein or over tenths of it."""
