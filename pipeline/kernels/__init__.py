"""The reductions in the forms that are fast: tiles for a CPU, Triton for a GPU."""
