"""Numbers of one's own as a source of annotation: tracks, a value for each residue, and values of variants."""
