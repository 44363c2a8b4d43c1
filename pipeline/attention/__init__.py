"""The reductions of attention: their definitions, and the kernels that compute them."""
