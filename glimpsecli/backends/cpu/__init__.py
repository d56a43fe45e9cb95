"""The backend of the processor, compiled by Numba."""
