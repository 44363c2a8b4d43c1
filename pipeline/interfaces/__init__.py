"""Attention across two proteins, judged against their known contacts and interfaces, with nulls."""
