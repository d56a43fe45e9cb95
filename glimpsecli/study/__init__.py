"""The article's claims put to the test: which sampler is easier to train, and which is faster."""
