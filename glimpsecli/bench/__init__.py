"""Times of the samplers beside those of other libraries: cases, contenders, clock, statistics and reports."""
