"""Tables of boxes: one reader for each format. Boxes carry their unit; ``jobs`` ties them to an image."""
