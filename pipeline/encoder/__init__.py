"""The model in memory, checked against its own attention."""
