"""Members of the clusters of an atlas, from a mapping table, so that their accessions find the cluster."""
