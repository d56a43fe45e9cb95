"""The compiled functions of the processor: plain loops over flat arrays."""
