"""The calling of high-attention sites."""
