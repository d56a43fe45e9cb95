"""The suffixes by which image files are found in folders: a plain table."""

from __future__ import annotations

SUFFIXES = {
    "PNG": ("png", "apng"),
    "JPEG": ("jpg", "jpeg", "jpe", "jfif", "mpo"),
    "WebP": ("webp",),
    "TIFF": ("tif", "tiff"),
    "GIF": ("gif",),
    "BMP": ("bmp", "dib"),
    "Netpbm": ("pbm", "pgm", "ppm", "pnm", "pfm"),
    "JPEG 2000": ("jp2", "j2k", "jpc", "j2c", "jpf", "jpx"),
    "AVIF": ("avif", "avifs"),
    "HEIF": ("heic", "heif", "heics", "heifs", "hif"),
    "NumPy": ("npy",),
}
"""Of each kind of file that can be read, whatever it takes to read it. The content decides what a file is, not this."""

IN_FOLDERS = tuple(suffix for kind, some in SUFFIXES.items() if kind != "NumPy" for suffix in some)
"""What is taken from folders: not ``.npy``, for the arrays that lie beside images are mostly maps and features."""
