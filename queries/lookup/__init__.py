"""Names of proteins, and rows of one protein straight from one row group, on disk or behind a URL."""
