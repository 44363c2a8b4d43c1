"""The sites of an atlas beside a table of sites from elsewhere: read, numbered, checked, compared, pooled."""
