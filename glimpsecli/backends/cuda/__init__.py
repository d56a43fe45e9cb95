"""The backend of NVIDIA GPUs, compiled by Numba. Nothing imports it until somebody asks for the GPU."""
