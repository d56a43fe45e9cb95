"""Windows that move: keyframes and easing, the tracks of a table, and the filter of a camera."""
