"""The parts of a quarter of an hour on a GPU, which `benchmarks/gpu_day.py` runs one after the other."""
