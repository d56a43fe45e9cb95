"""Drawing: arrays in, arrays out. It knows no files but the font for its words.

A figure is ``(H, W, 3)`` uint8, RGB. Sizes, places and weights of lines are in pixels; points are on the image plane
(x right, y down, pixel k covers [k, k + 1)).
"""
