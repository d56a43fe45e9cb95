import os
from pathlib import Path

import pytest
from hypothesis import settings

# The first example of a test may compile a kernel. CI tries the same examples each time, people try new ones.
settings.register_profile("glimpse", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("glimpse")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def samples():
    """The folder of sample photographs."""
    return ROOT / "sample_images"
