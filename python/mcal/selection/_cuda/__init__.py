"""The CUDA engine: what the kernels of ``cuda/`` need around them."""
