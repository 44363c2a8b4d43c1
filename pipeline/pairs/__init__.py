"""Pairs: two proteins that run through the model as one input, and their attention to each other."""
