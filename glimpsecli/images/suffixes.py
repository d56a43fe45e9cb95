"""The suffixes by which image files are found in folders."""

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
"""The suffixes of each kind of file, read by its content, including kinds that need a package to be installed."""

IN_FOLDERS = tuple(suffix for kind, some in SUFFIXES.items() if kind != "NumPy" for suffix in some)
"""The suffixes that are taken from folders. Arrays in ``.npy`` beside images are mostly maps and features."""

IMAGES = frozenset(suffix for some in SUFFIXES.values() for suffix in some)
"""All suffixes of images."""

VIDEOS = (
    "mp4", "m4v", "mov", "3gp", "mkv", "webm", "avi", "ts", "mts", "m2ts", "mpg", "mpeg", "wmv", "flv", "ogv", "y4m",
)  # fmt: skip
"""The suffixes by which videos are found in folders where frames are asked for."""
