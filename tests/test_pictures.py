"""Pictures against slow loops, supersampling, and where things must lie."""

import itertools
import re
import warnings

import numpy as np
import pytest
from conftest import examples
from hypothesis import given
from hypothesis import strategies as st

from glimpsecli import GlimpseError
from glimpsecli.names import COLOUR_MAPS
from glimpsecli.pictures.colour import table
from glimpsecli.pictures.colourbar import beside, colourbar, ticks
from glimpsecli.pictures.figure import montage, panel_row
from glimpsecli.pictures.inset import inset, inset_size
from glimpsecli.pictures.mask import mask_figure
from glimpsecli.pictures.outline import CASING, line_weight, outline
from glimpsecli.pictures.overlay import tint
from glimpsecli.pictures.scale import as_rgb, fitted, magnify, resized, shown
from glimpsecli.pictures.text import line_height, missing_glyphs, render, width_of, wrap, write

rng = np.random.default_rng(2017)
DTYPES = {np.uint8: 255, np.uint16: 65535, np.float32: 1}


def photo(dtype, shape):
    scale = DTYPES[dtype]
    return rng.random(shape, np.float32) if scale == 1 else rng.integers(0, scale + 1, shape, dtype)


# --- colour maps


@pytest.mark.parametrize("name", COLOUR_MAPS)
def test_colour_tables(name):
    colours = table(name)
    assert (colours.shape, colours.dtype) == ((1024, 3), np.float32)
    assert colours.min() >= 0
    assert colours.max() <= 1
    if name != "turbo":
        lightness = colours @ [0.2126, 0.7152, 0.0722]
        assert (np.diff(lightness) > -1e-6).all()


def test_the_ends_of_viridis_as_published():
    assert (np.rint(table("viridis")[[0, -1]] * 255) == [[68, 1, 84], [253, 231, 37]]).all()
    with pytest.raises(GlimpseError, match=r"'jet'.*viridis"):
        table("jet")


# --- tint


def slow_tint(photo, values, colours, top, left, coverage, opacity, alpha):
    scale = DTYPES[photo.dtype.type]
    grey = photo.shape[2] - alpha == 1
    out = np.empty((*photo.shape[:2], 3 + alpha))
    for y in range(photo.shape[0]):
        for x in range(photo.shape[1]):
            pixel = photo[y, x].astype(float) / scale
            rgb = pixel[[0, 0, 0]] if grey else pixel[:3]
            behind = pixel[-1] if alpha else 1.0
            a, j, i = 0.0, y - top, x - left
            if 0 <= j < values.shape[0] and 0 <= i < values.shape[1] and not np.isnan(values[j, i]):
                v = min(max(float(values[j, i]), 0.0), 1.0)
                a = opacity * v * coverage[0][j] * coverage[1][i]
            if a > 0:
                colour = colours[int(np.floor(np.float32(v) * np.float32(len(colours) - 1) + np.float32(0.5)))]
                opaque = a + behind * (1 - a)
                rgb = (a * colour + behind * (1 - a) * rgb) / opaque
                behind = opaque
            out[y, x] = [*rgb, behind] if alpha else rgb
    return out * scale


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_tint_equals_the_loop(dtype, channels):
    picture = photo(dtype, (9, 12, channels))
    alpha = channels in (2, 4)
    if alpha:
        picture[2:5, ..., -1] = 0
        picture[5:7, ..., -1] = DTYPES[dtype]
    values = rng.uniform(-0.3, 1.3, (8, 14)).astype(np.float32)
    values[1, 2], values[3, 3], values[4, 4:7] = np.nan, np.inf, 0
    cover = (rng.random(8), rng.random(14))
    before = picture.copy()
    for top, left, opacity in ((0, 0, 0.7), (3, -5, 1.0), (-2, 4, 0.25)):
        got = tint(picture, values, table("magma"), top=top, left=left, coverage=cover, opacity=opacity, alpha=alpha)
        slow = slow_tint(picture, values, table("magma").astype(float), top, left, cover, opacity, alpha)
        assert got.dtype == dtype
        np.testing.assert_allclose(got, slow, rtol=0, atol=0.501 if DTYPES[dtype] > 1 else 1e-6)
    np.testing.assert_array_equal(picture, before)


def test_tint_rounds_half_to_even():
    grey = np.full((1, 4, 1), [[0], [1], [2], [3]], np.uint8)
    white = np.ones((2, 3), np.float32)
    # p + (255 - p) / 2 = 127.5, 128, 128.5, 129
    assert tint(grey, np.ones((1, 4), np.float32), white, opacity=0.5)[0, :, 0].tolist() == [128, 128, 128, 129]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("nothing", [0, np.nan, -1, -np.inf])
def test_nothing_leaves_every_bit(dtype, alpha, nothing):
    picture = photo(dtype, (40, 30, 3 + alpha))
    if dtype is np.float32:
        picture[:2, :, :3] = [np.nan, np.inf, -0.0]
        picture[2, :, :3] = 1e30
    values = rng.random((40, 30), np.float32)
    untouched = rng.random((40, 30)) < 0.5
    untouched[:3] = True
    values[untouched] = nothing
    got = tint(picture, values, table("turbo"), alpha=alpha)
    assert got[untouched].tobytes() == picture[untouched].tobytes()
    assert (got[~untouched] != picture[~untouched]).any()


def test_a_map_beside_the_photo_is_not_drawn():
    picture = photo(np.uint8, (5, 6, 3))
    for top, left in ((5, 0), (-4, 0), (0, 6), (0, -9), (10**9, -(10**9))):
        got = tint(picture, np.ones((4, 9), np.float32), table("gray"), top=top, left=left)
        np.testing.assert_array_equal(got, picture)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"photo": np.zeros((2, 2, 3))}, "float64"),
        ({"photo": np.zeros((2, 2, 2), np.uint8)}, r"\(2, 2, 2\)"),
        ({"values": np.zeros((2, 2, 1), np.float32)}, r"\(2, 2, 1\)"),
        ({"table": np.zeros((9, 4))}, r"\(9, 4\)"),
        ({"opacity": 1.5}, "1.5"),
        ({"opacity": float("nan")}, "nan"),
        ({"coverage": (np.ones(3), np.ones(2))}, r"\(3,\)"),
    ],
)
def test_tint_refuses(arguments, words):
    good = {"photo": np.zeros((2, 2, 3), np.uint8), "values": np.ones((2, 2), np.float32), "table": table("gray")}
    with pytest.raises(GlimpseError, match=words):
        tint(**(good | arguments))


# --- outline


def turned(cx, cy, width, height, degrees):
    a = np.deg2rad(degrees)
    ends = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [width / 2, height / 2]
    return ends @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) + [cx, cy]


def covered(corners, weight, size, fine=16):
    """Share of each pixel in the stroke: points inside the polygon grown by half a weight, not inside it shrunk."""
    y, x = (np.mgrid[: size[0] * fine, : size[1] * fine] + 0.5) / fine
    sides = []
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        sides.append(((x1 - x0) * (y - y0) - (y1 - y0) * (x - x0)) / np.hypot(x1 - x0, y1 - y0))
    depth = np.min(sides, axis=0)
    inside = (depth > -weight / 2) & (depth < weight / 2)
    return inside.reshape(size[0], fine, size[1], fine).mean((1, 3))


@pytest.mark.parametrize(
    "corners",
    [
        turned(20, 15, 20, 12, 0),
        turned(20.3, 15.6, 19.5, 11.25, 0),
        turned(20, 15, 22, 12, 27),
        turned(20, 15, 12, 22, -63.5),
        turned(2, 15, 22, 22, 45),
        turned(20, 15, 200, 12, 3),
        np.array([[5.0, 5], [25, 5], [35, 25], [15, 25]]),  # sheared
    ],
)
@pytest.mark.parametrize("weight", [0.8, 2, 3.5])
def test_the_outline_covers_what_supersampling_says(corners, weight):
    size = (32, 40)
    picture = np.ones((*size, 3), np.float32)
    outline(picture, corners, colour=(1.0, 0.0, 0.0), weight=weight)
    line, casing = covered(corners, weight, size), CASING * covered(corners, 2 * weight, size)
    # In the pixel at a corner's tip the product of two half planes is off by a little; elsewhere the cover is exact.
    np.testing.assert_allclose(picture[..., 0], line + (1 - line) * (1 - casing), atol=0.07)
    np.testing.assert_allclose(picture[..., 1], (1 - line) * (1 - casing), atol=0.07)
    assert abs(picture[..., 1] - (1 - line) * (1 - casing)).mean() < 0.003
    # The other way round is the same outline.
    mirrored = np.ones_like(picture)
    outline(mirrored, corners[::-1], colour=(1.0, 0.0, 0.0), weight=weight)
    np.testing.assert_allclose(mirrored, picture, atol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_outline_leaves_the_rest_and_fits_each_type(dtype):
    picture = photo(dtype, (150, 200, 3))
    drawn = picture.copy()
    outline(drawn, turned(100, 75, 120, 80, 10), colour=(0, 1, 0), weight=2)
    near = covered(turned(100, 75, 120, 80, 10), 8, (150, 200), 1) > 0
    assert drawn[~near].tobytes() == picture[~near].tobytes()
    assert np.isclose(drawn, np.array([0, 1, 0]) * DTYPES[dtype]).all(axis=2).sum() > 200


def test_the_outline_makes_transparent_pixels_opaque():
    picture = np.full((20, 20, 4), [200, 100, 50, 0], np.uint8)
    outline(picture, turned(10, 10, 10, 10, 0), colour=(1, 1, 1), weight=2)
    assert picture[5, 10].tolist() == [255, 255, 255, 255]
    assert picture[10, 10].tolist() == [200, 100, 50, 0]
    assert picture[10, 3].tolist() == [0, 0, 0, round(CASING * 255)]


def test_an_outline_outside_or_partly_so():
    picture = photo(np.uint8, (30, 40, 3))
    for corners in (turned(-50, 10, 20, 20, 5), turned(1e9, 1e9, 20, 20, 30), turned(20, 15, 1e9, 1e9, 30)):
        drawn = picture.copy()
        outline(drawn, corners, weight=2)
        np.testing.assert_array_equal(drawn, picture)
    far = np.zeros((30, 40, 3), np.uint8)
    outline(far, np.array([[-1e9, 10], [20, 10], [20, 1e9], [-1e9, 1e9]]), colour=(1, 1, 1), weight=2)
    assert (far[9:11, :21] == 255).all()
    assert (far[9:, 19:21] == 255).all()
    assert (far[:9] == 0).all()


@given(st.lists(st.floats(-1e3, 1e3) | st.integers(0, 30), min_size=4, max_size=4), st.floats(-360, 360))
@examples(50)
def test_no_window_upsets_the_outline(numbers, degrees):
    cx, cy, width, height = numbers
    picture = np.full((30, 30, 3), 0.5, np.float32)
    outline(picture, turned(cx, cy, width, height, degrees), colour=(1, 1, 1), weight=2)
    assert np.isfinite(picture).all()
    assert picture.min() >= 0
    assert picture.max() <= 1


def test_a_window_without_extent_is_a_line_or_a_dot():
    picture = np.zeros((20, 20, 3), np.uint8)
    outline(picture, np.array([[5, 10]] * 4), colour=(1, 1, 1), weight=4)
    outline(picture, np.array([[12, 4], [12, 4], [12, 16], [12, 16]]), colour=(1, 1, 1), weight=2)
    white = (picture == 255).all(axis=2)
    assert white[8:12, 3:7].all()
    assert white[3:17, 11:13].all()
    assert white.sum() == 16 + 28


def test_outline_refuses():
    picture = np.zeros((9, 9, 3), np.uint8)
    with pytest.raises(GlimpseError, match="finite"):
        outline(picture, np.full((4, 2), np.nan))
    with pytest.raises(GlimpseError, match="weight 0"):
        outline(picture, np.zeros((4, 2)), weight=0)
    with pytest.raises(GlimpseError, match=r"\(9, 9\)"):
        outline(picture[..., 0], np.zeros((4, 2)))


def test_lines_grow_with_the_image():
    assert line_weight((200, 150)) == 1.5
    assert line_weight((3000, 4000)) == pytest.approx(40 / 3)


@pytest.mark.parametrize(("x", "y", "corner"), [(10, 10, "br"), (190, 10, "bl"), (10, 140, "tr"), (190, 140, "tl")])
def test_the_inset_lies_far_from_the_window(x, y, corner):
    picture = np.full((150, 200, 3), 90, np.uint8)
    size = inset_size((150, 200), (30, 60))
    glimpse = photo(np.uint8, (*size, 3))
    top, left = inset(picture, glimpse, (x, y))
    np.testing.assert_array_equal(picture[top : top + size[0], left : left + size[1]], glimpse)
    assert (picture[top - 1, left : left + size[1]] == 255).all()
    assert (top > 75 - size[0] / 2) == ("b" in corner)
    assert (left > 100 - size[1] / 2) == ("r" in corner)
    with pytest.raises(GlimpseError, match="no room"):
        inset(picture, np.zeros((150, 20, 3), np.uint8), (0, 0))


# --- scale


def slow_resize(line, extent):
    step = len(line) / extent
    if extent < len(line):
        fine = np.repeat(np.asarray(line, float), extent)  # each new pixel is now len(line) samples
        return fine.reshape(extent, len(line)).mean(1)
    return np.interp((np.arange(extent) + 0.5) * step - 0.5, np.arange(len(line)), line)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_resizing_equals_the_definition(before, after, seed):
    line = np.random.default_rng(seed).random(before, np.float32)
    np.testing.assert_allclose(resized(line[:, None], after, 1)[:, 0], slow_resize(line, after), atol=2e-6)
    np.testing.assert_allclose(resized(line[None], 1, after)[0], slow_resize(line, after), atol=2e-6)


def test_fitting_keeps_the_shape():
    image = photo(np.uint8, (30, 60, 3))
    assert fitted(image, 10, 100).shape == (10, 20, 3)
    assert fitted(image, width=240).shape == (120, 240, 3)
    np.testing.assert_array_equal(fitted(image, 30, 60), image)
    assert fitted(np.full((7, 9), 65535, np.uint16), 3, 4).min() == 65535
    big, factor = shown(image, 100, 200)
    assert factor == 3
    np.testing.assert_array_equal(big[::3, 2::3], image)
    assert shown(image, 20, 200)[0].shape == (20, 40, 3)


def test_as_rgb():
    grey = np.array([[0, 128, 255]], np.uint8)
    assert as_rgb(grey).tolist() == [[[0] * 3, [128] * 3, [255] * 3]]
    assert as_rgb(np.array([[[0, 32896, 65535]]], np.uint16)).tolist() == [[[0, 128, 255]]]
    assert as_rgb(np.array([[np.nan, -1, 0.5, 7]], np.float32))[0, :, 0].tolist() == [0, 0, 128, 255]
    assert as_rgb(np.array([[[10, 20, 30, 0], [10, 20, 30, 255]]], np.uint8)).tolist() == [[[255] * 3, [10, 20, 30]]]
    with pytest.raises(GlimpseError, match="int64"):
        as_rgb(np.zeros((2, 2), np.int64))
    with pytest.raises(GlimpseError, match=r"\(2, 2, 5\)"):
        as_rgb(np.zeros((2, 2, 5), np.uint8))


# --- text


def test_lines_of_a_size_share_height_and_base_line():
    for size in (11, 17, 40):
        coverage = [render(text, size) for text in ("H", "Hg", "É", ".", "")]
        assert {c.shape[0] for c in coverage} == {line_height(size)}
        assert all(c.min() >= 0 and c.max() <= 1 for c in coverage)
        bottom = [np.flatnonzero(c.any(axis=1))[-1] for c in coverage[:1] + coverage[2:4]]
        assert max(bottom) - min(bottom) <= 1
    assert render("word", 20).shape[1] == width_of("word", 20) < width_of("word", 20, bold=True)
    ink = np.flatnonzero(render("H", 40).any(axis=0))
    assert ink[0] <= 4
    assert ink[-1] >= render("H", 40).shape[1] - 4


def test_wrapping():
    text = "a woman is throwing a frisbee in a park"
    lines = wrap(text, 16, 100)
    assert " ".join(lines) == text
    assert all(width_of(line, 16) <= 100 for line in lines)
    for line, following in itertools.pairwise(lines):
        assert width_of(f"{line} {following.split()[0]}", 16) > 100
    pieces = wrap("Donaudampfschifffahrtsgesellschaft", 16, 60)
    assert "".join(pieces) == "Donaudampfschifffahrtsgesellschaft"
    assert all(width_of(piece, 16) <= 60 for piece in pieces)
    assert wrap("two\nlines", 12, 500) == ["two lines"]
    assert wrap("abc", 12, 1) == ["a", "b", "c"]
    assert wrap("", 12, 10) == [""]


def test_writing_stays_in_the_figure():
    figure = np.full((20, 30, 3), 255, np.uint8)
    for x, y in ((-5, -5), (25, 15), (99, 99), (-99, 0)):
        write(figure, "Hg", x, y, size=16, colour=(0, 0, 0))
    assert figure[:5, :5].min() < 100
    middle = np.full((40, 101, 3), 255, np.uint8)
    write(middle, "o", 50, 5, size=30, align="centre")
    ink = np.flatnonzero((middle < 128).any(axis=(0, 2)))
    assert abs(ink.mean() - 50) < 2


def test_missing_glyphs():
    assert missing_glyphs("café cafe\u0301 σ × − ½ Ω 40° “x”") == ""
    assert missing_glyphs("中 a 文中\u200d\n") == "中文"


def test_a_font_of_your_own(tmp_path):
    bad = tmp_path / "bad.ttf"
    for make in (lambda: None, lambda: bad.write_bytes(b"no font"), lambda: bad.write_bytes(b"")):
        make()
        with pytest.raises(GlimpseError, match=r"bad\.ttf.*TTF or OTF") as caught:
            render("a", 12, font=bad)
        assert "\n" not in str(caught.value)
    from glimpsecli.pictures import text

    shipped = next((text._FONTS).glob("*Regular*"))
    np.testing.assert_array_equal(render("a", 12, font=str(shipped)), render("a", 12))


# --- colour bar


def value_of(text):
    return float(text.replace("−", "-"))


@given(st.floats(-1e12, 1e12), st.floats(1e-12, 1e12), st.integers(64, 4000), st.integers(11, 60))
def test_ticks_tell_the_truth(lo, span, height, size):
    hi = lo + span
    if hi - lo < 1e-9 * abs(lo):
        return
    height = max(height, 3 * size)
    marks = ticks(lo, hi, height, size)
    assert 2 <= len(marks) <= 6
    assert marks[0][0] == height
    assert marks[-1][0] == 0
    values = [value_of(text) for _, text in marks]
    assert values == sorted(set(values))
    assert all(np.diff([position for position, _ in marks]) < -size)
    for position, text in marks:
        value = hi - position / height * (hi - lo)
        # 4 digits, and never coarser than what tells neighbours apart
        assert abs(value_of(text) - value) <= 5.1e-4 * abs(value) + 1e-9 * max(abs(lo), abs(hi))
        assert re.fullmatch(r"−?\d+(\.\d+)?(e−?\d+)?", text)


@pytest.mark.parametrize(
    ("lo", "hi", "words"),
    [
        (0, 1, ["0", "0.2", "0.4", "0.6", "0.8", "1"]),
        (-3.27, 12.5, ["−3.27", "0", "5", "10", "12.5"]),
        (0, 255, ["0", "50", "100", "150", "200", "255"]),
        (0, 0.000871, ["0", "2e−4", "4e−4", "6e−4", "8.71e−4"]),
        (0.123456, 0.3, ["0.1235", "0.15", "0.2", "0.25", "0.3"]),
        (1000, 1000.5, ["1000", "1000.1", "1000.2", "1000.3", "1000.4", "1000.5"]),
    ],
)
def test_ticks_are_as_people_write_them(lo, hi, words):
    assert [text for _, text in ticks(lo, hi, 400, 30 if "871" in str(hi) else 16)] == words


def test_no_bar_without_a_span():
    for lo, hi in ((1, 1), (2, 1), (0, np.nan), (-np.inf, 0)):
        with pytest.raises(GlimpseError, match="colour bar from"):
            ticks(lo, hi, 100, 12)


def test_the_bar_shows_the_overlays_colours():
    bar = colourbar(300, 0, 1, table("viridis"), opacity=1.0)
    above = (bar.shape[0] - 300) // 2
    column = bar[above : above + 300, 5].astype(int)
    assert abs(column[1] - [253, 231, 37]).max() < 6
    assert np.ptp(column[-2]) <= 3  # grey: nothing covers the photo
    faint = colourbar(300, 0, 1, table("viridis"), opacity=0.0)[above : above + 300, 5]
    assert (np.ptp(faint, axis=1) == 0).all()


@pytest.mark.parametrize("shape", [(400, 300, 3), (30, 40, 3), (64, 64)])
def test_a_bar_beside_a_picture(shape):
    picture = photo(np.uint8, shape)
    bar = colourbar(shape[0], -0.00123, 4.5, table("magma"))
    figure = beside(picture, bar)
    places = find(figure, as_rgb(picture))
    assert len(places) == 1
    (top, left) = places[0]
    assert min(top, left, figure.shape[0] - top - shape[0]) >= 12
    assert (figure[0] == 255).all()
    assert (figure[:, -5:] == 255).all()
    assert abs(2 * top + shape[0] - figure.shape[0]) <= 1


# --- figures


def find(figure, panel):
    """Every place where a panel lies unchanged."""
    h, w = panel.shape[:2]
    height, width = figure.shape[0] - h + 1, figure.shape[1] - w + 1
    like = np.ones((height, width), bool)
    for y, x in ((0, 0), (h - 1, w - 1), (h // 2, w // 3), (0, w - 1)):
        like &= (figure[y : y + height, x : x + width] == panel[y, x]).all(axis=2)
    return [(y, x) for y, x in np.argwhere(like).tolist() if (figure[y : y + h, x : x + w] == panel).all()]


def without(figure, places, panels):
    rest = figure.copy()
    for (y, x), panel in zip(places, panels, strict=True):
        rest[y : y + panel.shape[0], x : x + panel.shape[1]] = 255
    return rest


@pytest.mark.parametrize(
    "titles", [["Input", "Hard crop"], ["Input " * 9, "Gaussianattentionwithoutanyspace" * 3], ["", ""]]
)
def test_a_row_keeps_panels_and_words_separate(titles):
    panels = [photo(np.uint8, (320, 400, 3)), photo(np.uint8, (32, 20))]
    figure = panel_row(panels, titles, ["400×320", "20×32, drawn ×10"], height=320)
    drawn = [panels[0], magnify(as_rgb(panels[1]), 10)]
    places = [find(figure, panel) for panel in drawn]
    assert [len(p) for p in places] == [1, 1]
    (top, left), (top2, left2) = places[0][0], places[1][0]
    assert top == top2
    assert left2 - left - 400 >= 14
    rest = without(figure, [(top, left), (top2, left2)], drawn)
    assert (rest[top - 3 : top + 320] == 255).all()  # no letter touches a panel
    assert (rest[:8] == 255).all()
    assert (rest[-8:] == 255).all()
    assert (rest[:, :8] == 255).all()
    assert (rest[:, -8:] == 255).all()
    between = (left + 400 + left2) // 2
    assert (rest[:, between] == 255).all()  # nor its neighbour's column
    if titles[0]:
        assert (rest[: top - 3] < 128).any()


def test_a_panorama_is_lower_than_its_row():
    wide = panel_row([photo(np.uint8, (50, 5000, 3))], ["a panorama"], height=300)
    assert wide.shape[1] < 1100


@pytest.mark.parametrize("count", [1, 2, 5, 11, 12, 16])
@pytest.mark.parametrize("words", [False, True])
def test_the_grid_holds_every_panel(count, words):
    panels = [photo(np.uint8, (60, 90, 3)) for _ in range(count)]
    labels = [f"head {i}" for i in range(count)] if words else None
    captions = ["frisbee"] * count if words else None
    figure = montage(panels, labels, captions=captions)
    places = [find(figure, panel) for panel in panels]
    assert all(len(p) == 1 for p in places)
    places = [p[0] for p in places]
    assert places == sorted(places)  # row by row
    rest = without(figure, places, panels)
    for y, x in places:
        assert (rest[y - 2 : y + 62, x - 5 : x + 95] == 255).all()
    assert (rest < 128).any() == words
    if count >= 5:
        assert 0.9 < figure.shape[1] / figure.shape[0] < 2.2


def test_the_grid_takes_columns_and_refuses_what_does_not_fit():
    panels = [photo(np.uint8, (20, 20)) for _ in range(6)]
    rows = {find(montage(panels, columns=2), as_rgb(p))[0][0] for p in panels}
    assert len(rows) == 3
    assert montage(panels, columns=99).shape[1] > montage(panels).shape[1]
    with pytest.raises(GlimpseError, match="20x20 and 21x20"):
        montage([*panels, np.zeros((20, 21), np.uint8)])
    with pytest.raises(GlimpseError, match="2 labels for 6"):
        montage(panels, ["a", "b"])
    with pytest.raises(GlimpseError, match="0 columns"):
        montage(panels, columns=0)
    with pytest.raises(GlimpseError, match="without panels"):
        montage([])


@pytest.mark.parametrize("shape", [(10, 10), (3, 7), (300, 451), (950, 1200)])
def test_the_mask_lines_up_with_its_charts(shape):
    a_y, a_x = rng.uniform(0.2, 1, shape[0]), rng.uniform(0.2, 1, shape[1])
    a_y[shape[0] // 3], a_x[shape[1] // 2] = 1, 1
    figure = mask_figure(np.outer(a_y, a_x), a_x, a_y).astype(int)
    factor = max(1, 420 // max(shape))
    inside = np.outer(a_y, a_x).astype(np.float32)
    if max(shape) > 900:
        shrunk = (round(shape[0] * 900 / shape[1]), 900)
        inside, factor = resized(inside, *shrunk), 1
        a_y, a_x = (resized(a[None], 1, n)[0] for a, n in zip((a_y, a_x), shrunk, strict=True))
    image = as_rgb(magnify(inside, factor))
    places = find(figure, image)
    assert len(places) == 1
    y, x = places[0]
    blue = (figure == [59, 110, 165]).all(axis=2)
    deep = blue[:y, x : x + image.shape[1]].sum(0).max() + 1  # and the axis
    heights = blue[:y, x : x + image.shape[1]].sum(0)[factor // 2 :: factor]
    np.testing.assert_allclose(heights, a_x / a_x.max() * deep, atol=2.5)
    lengths = blue[y : y + image.shape[0], x + image.shape[1] :].sum(1)[factor // 2 :: factor]
    np.testing.assert_allclose(lengths, a_y / a_y.max() * deep, atol=2.5)
    assert not blue[:y, :x].any()
    assert not blue[:y, x + image.shape[1] :].any()


def test_the_mask_refuses_vectors_of_other_lengths():
    with pytest.raises(GlimpseError, match=r"mask \(3, 4\)"):
        mask_figure(np.zeros((3, 4)), np.zeros(3), np.zeros(4))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert mask_figure(np.zeros((3, 4)), np.zeros(4), np.zeros(3)).max() == 255
