"""The compiled functions of the GPU."""
