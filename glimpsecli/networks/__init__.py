"""Networks that learn where to look: the images they learn from, the models, and their training."""
