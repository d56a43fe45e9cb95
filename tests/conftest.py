from pathlib import Path

import pytest
from hypothesis import settings

# The first example of a test may compile a kernel.
settings.register_profile("glimpse", deadline=None)
settings.load_profile("glimpse")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def samples():
    """The folder of sample photographs."""
    return ROOT / "sample_images"
