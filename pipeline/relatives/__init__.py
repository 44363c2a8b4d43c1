"""Proteins that are alike: local alignments, hits among a set, and clusters of what hangs together."""
