from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glimpsecli.errors import FileProblemError, InvalidInputError
from glimpsecli.images.depth import DEPTHS, convert, depth_of


def f32(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_depth_follows_from_the_type():
    assert [depth_of(np.zeros((1, 1, 1), kind)) for kind in (np.uint8, np.uint16, np.float32)] == list(DEPTHS)
    with pytest.raises(InvalidInputError, match="float64"):
        depth_of(np.zeros((1, 1, 1)))


def test_ties_go_to_the_even_neighbour():
    assert convert(f32(0.5, 1.5, 2.5, 254.5), "8", "8").pixels.tolist() == [0, 2, 2, 254]
    # 0.5 of 255 and of 65535 are exact ties
    assert convert(f32(0.5), "float", "8").pixels.tolist() == [128]
    assert convert(f32(0.5), "float", "16").pixels.tolist() == [32768]


def test_only_what_rounds_out_of_range_counts_as_clipped():
    result = convert(f32(-0.5, -0.4, 255.4, 255.5, -7, 300, np.inf, -np.inf), "8", "8")
    assert result.pixels.tolist() == [0, 0, 255, 255, 0, 255, 255, 0]
    assert result.clipped == 5


@pytest.mark.parametrize(
    ("source", "target", "white"), [("8", "16", 65535), ("16", "8", 255), ("float", "8", 255), ("8", "float", 1)]
)
def test_white_stays_white(source: str, target: str, white: float):
    result = convert(f32(0, DEPTHS[source].scale), source, target)
    assert result.pixels.tolist() == [0, white]
    assert result.pixels.dtype == DEPTHS[target].dtype
    assert result.clipped == 0


def test_8_bit_survives_16_bit_and_float():
    levels = np.arange(256, dtype=np.float32)
    for between in ("16", "float"):
        there = convert(levels, "8", between).pixels
        assert convert(there.astype(np.float32), between, "8").pixels.tolist() == levels.tolist()


def test_float_takes_anything():
    result = convert(f32(-300, 1e9, np.nan), "8", "float")
    assert result.clipped == 0
    assert np.isnan(result.pixels[2])


def test_nan_has_no_integer():
    values = np.zeros(1 << 19, np.float32)
    values[-1] = np.nan
    with pytest.raises(FileProblemError, match="--depth float"):
        convert(values, "8", "8")


def test_blocks_cover_a_large_image_that_is_not_contiguous():
    values = np.arange(700 * 900, dtype=np.float32).reshape(700, 900, 1).swapaxes(0, 1) % 256
    result = convert(values, "8", "8")
    assert np.array_equal(result.pixels, values.astype(np.uint8))


@given(st.lists(st.floats(-1, 2, width=32), min_size=1), st.sampled_from(["8", "16"]))
def test_float_to_integer_agrees_with_exact_arithmetic(numbers: list[float], target: str):
    scale = DEPTHS[target].scale
    expected = [round(number * scale) for number in numbers]  # Python rounds half to even; float64 products are exact
    result = convert(f32(*numbers), "float", target)
    assert result.pixels.tolist() == [min(max(value, 0), scale) for value in expected]
    assert result.clipped == sum(not 0 <= value <= scale for value in expected)
