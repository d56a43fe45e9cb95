"""Words and limits that the command line shares with the library.

Nothing is imported here, so that a help page can list them without loading the library.
"""

SAMPLERS = ("hard", "bilinear", "gaussian")
DIFFERENTIABLE = ("gaussian", "bilinear")
"""Samplers with a gradient with respect to the window."""
BORDERS = ("zeros", "constant", "edge", "reflect")
BACKENDS = ("numpy", "cpu", "cuda")
BLENDS = ("over", "add")

BLUR = 0.5
"""Sigma of the Gaussians by default, in strides, or in pixels where the stride is below one."""

DEPTHS = ("8", "16", "float")
FORMATS = ("png", "jpg", "webp", "tiff", "npy", "npz")
FILMS = ("mp4", "mkv", "webm", "mov", "avi", "gif")
"""Formats of films. PNG and WebP, which hold images too, are films where several frames go into one file."""
MAX_PIXELS = 178_956_970
"""Pixels of the largest image that is read by default: a small file can claim any size."""

ANNOTATION_FORMATS = (
    "coco", "yolo", "voc", "csv", "jsonl", "labelme", "mot", "megadetector", "openimages", "cvat", "supervisely",
)  # fmt: skip
BOX_FORMATS = ("xywh", "xyxy", "cxcywh")
BOX_UNITS = ("pixels", "fractions")

FOLDERINGS = ("mirror", "flat", "class")
"""Folders of the glimpses of a batch: those of the images; none; one for each label."""

LAYOUTS = ("hw", "thw", "n", "tn", "hnn", "lhnn")
UPSAMPLINGS = ("nearest", "bilinear", "gaussian")
COLOUR_MAPS = ("viridis", "magma", "inferno", "cividis", "turbo", "gray")
"""All but ``turbo`` grow steadily lighter, and ``cividis`` looks alike to colour-blind eyes."""
OUTLINE = "#ffd900"
"""Colour of the frame that shows a window on a picture."""

FOUND, DOUBTFUL, LOST = STATES = ("found", "doubtful", "lost")
"""States of an object that is followed: it is there, something speaks against it, it is not there."""
MOTIONS = ("velocity", "near", "none")
"""What is known of a place before one looks: it moves on, it is near the last one, nothing."""
SIDES = 8, 256
"""Least and greatest number of taps along the longer side of a window that is followed."""

EASINGS = ("linear", "smooth", "in", "out", "spline", "hold")
ZOOMS = ("log", "linear", "orbit")

LEARNT = ("gaussian", "bilinear", "blurred", "hard")
"""Samplers of networks that learn where to look; ``blurred`` is bilinear on an image blurred as ``gaussian`` would."""
STARTS = ("narrow", "wide")
