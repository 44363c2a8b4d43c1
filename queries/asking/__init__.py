"""Questions with names: their files, parameters, alignments, and their page."""
