"""Tokens and layouts that are guessed: read right, or asked about, and never read as something else."""

import itertools
import json

import numpy as np
import pytest
from conftest import examples
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from glimpsecli import cli
from glimpsecli.errors import InvalidInputError
from glimpsecli.maps import arrange
from glimpsecli.maps.tokens import PATCHES, PREFIXES, Seen

PHOTOS = {  # (height, width) of common aspects
    "3:2": (2000, 3000),
    "2:3": (3000, 2000),
    "4:3": (1200, 1600),
    "3:4": (4032, 3024),
    "16:9": (1080, 1920),
    "9:16": (1920, 1080),
    "1:1": (1000, 1000),
    "5:4": (1024, 1280),
    "451x300": (300, 451),
}
VITS = {
    197: (1, 14), 198: (2, 14), 201: (5, 14), 256: (0, 16), 257: (1, 16), 261: (5, 16), 401: (1, 20), 405: (5, 20),
    576: (0, 24), 577: (1, 24), 578: (2, 24), 581: (5, 24), 730: (1, 27), 1025: (1, 32), 1370: (1, 37), 1374: (5, 37),
}  # fmt: skip


def uniform(*shape):
    """Return attention that is the same everywhere, so that its rows sum to 1."""
    return np.broadcast_to(np.float32(1 / shape[-1]), shape)


def zeros(*shape):
    return np.broadcast_to(np.float32(0), shape)


def read(array, **options):
    """Return the layout, the prefix tokens and the grid, or the message."""
    try:
        found = arrange(array, "a.npy", **options)
    except InvalidInputError as error:
        return str(error)
    return found.layout, found.prefix_tokens, found.maps.shape[1:]


# --- grids


@pytest.mark.parametrize("photo", PHOTOS)
@pytest.mark.parametrize("n", VITS)
def test_a_square_comes_before_what_nearly_has_the_photos_aspect(photo, n):
    prefix, side = VITS[n]
    seen = Seen(PHOTOS[photo])
    assert read(zeros(n), seen=seen) == ("n", prefix, (side, side))
    assert read(zeros(3, n), seen=seen) == ("tn", prefix, (side, side))
    assert read(uniform(2, n, n), seen=seen) == ("hnn", prefix, (side, side))


@pytest.mark.parametrize(
    ("n", "seen", "prefix", "grid"),
    [
        (600, Seen((2000, 3000)), 0, (20, 30)),
        (578, Seen((1080, 1920)), 2, (24, 24)),
        (865, Seen((336, 504)), 1, (24, 36)),
        (865, Seen((504, 336)), 1, (36, 24)),
        (865, Seen((2000, 3000)), 1, (24, 36)),
        (1041, Seen((427, 640)), 1, (26, 40)),
        (1201, Seen((480, 640)), 1, (30, 40)),
        (577, Seen((288, 512), known=True), 1, (18, 32)),
        (577, Seen((1080, 1920)), 1, (24, 24)),
        (261, Seen((208, 320), known=True), 1, (13, 20)),
        (261, Seen((208, 320), True, (16, 16)), 1, (13, 20)),
        (197, Seen((384, 512), True, (32, 32)), 5, (12, 16)),
        (1025, Seen((1000, 1600)), 1, (32, 32)),
    ],
)
def test_grids_by_what_the_model_saw(n, seen, prefix, grid):
    assert read(zeros(n), seen=seen) == ("n", prefix, grid)


@pytest.mark.parametrize(
    ("n", "size", "first", "second"),
    [
        (577, (288, 512), "24x24 and 1 prefix token ", "32x18 and 1 prefix token;"),
        (197, (384, 512), "14x14 and 1 prefix token ", "16x12 and 5 prefix tokens;"),
        (294, (2000, 3000), "17x17 and 5 prefix tokens ", "21x14 and 0 prefix tokens;"),
        (261, (208, 320), "16x16 and 5 prefix tokens ", "20x13 and 1 prefix token;"),
    ],
)
def test_a_square_and_a_grid_of_the_very_photo_are_asked_about(n, size, first, second):
    for array in (zeros(n), zeros(2, n), uniform(2, n, n), uniform(n, n)):
        message = read(array, seen=Seen(size))
        assert message.startswith(
            f"a.npy has {n} tokens, which can be a grid of {first}or a grid of {second} choose with"
        )
        for option in message.split("--grid ")[1:]:
            w, h = map(int, option.split()[0].split("x"))
            assert read(array, seen=Seen(size), grid=(h, w))[2] == (h, w)
            if "--prefix-tokens" in option:
                prefix = int(option.split("--prefix-tokens ")[1].split(")")[0])
                assert read(array, seen=Seen(size), prefix_tokens=prefix)[2] == (h, w)


@pytest.mark.parametrize("shape", [(3, 300), (4, 500)])
def test_strips_of_numbers_that_are_no_tokens_are_asked_about(shape):
    for size in ((400, 400), (400, 600), None):
        message = read(zeros(*shape), seen=Seen(size) if size else None)
        assert "times as wide as it is high" in message
    assert read(zeros(*shape), layout="hw") == ("hw", 0, shape)


grids = st.tuples(st.integers(3, 48), st.integers(3, 48)).filter(lambda grid: grid[0] * grid[1] >= 49)


@examples(300)
@given(grids, st.sampled_from(PATCHES), st.sampled_from(PREFIXES), st.sampled_from(["n", "tn", "hnn"]))
def test_a_vit_on_its_own_photo_is_read_right_or_asked_about(grid, patch, prefix, layout):
    h, w = grid
    n = h * w + prefix
    shape = {"n": (n,), "tn": (3, n), "hnn": (2, n, n)}[layout]
    found = read(uniform(*shape), seen=Seen((h * patch, w * patch)))
    assert found == (layout, prefix, grid) or ("choose with --" in found and f"{w}x{h}" in found), found
    steps = read(uniform(*shape), seen=Seen((h * patch, w * patch), True, (patch, patch)))
    assert steps == (layout, prefix, grid) or "choose with --layout hw or --layout tn" in steps


def test_usual_vits_are_hardly_ever_asked_about():
    asked = 0
    photos = list(itertools.product((224, 336, 384, 448, 512, 640, 768, 1024), repeat=2))
    models = list(itertools.product(photos, (14, 16), PREFIXES))
    models = [model for model in models if all(side % model[1] == 0 for side in model[0])]
    for size, patch, prefix in models:
        grid = size[0] // patch, size[1] // patch
        found = read(zeros(grid[0] * grid[1] + prefix), seen=Seen(size))
        asked += found != ("n", prefix, grid)
    assert 0 < asked < 0.1 * len(models)


def test_several_nearly_fitting_grids_are_asked_about():
    found = {n: read(zeros(n), seen=Seen((1829, 888))) for n in range(49, 1200)}
    asked = [message for message in found.values() if "can be" in message]
    assert asked
    assert all(message.count("a grid of") >= 2 and message.count("--grid") >= 2 for message in asked)


# --- layouts


@pytest.mark.parametrize("photo", PHOTOS)
@pytest.mark.parametrize("side", [7, 14, 16, 24, 32, 37, 49, 50, 64, 196, 256, 576])
def test_equal_axes_whose_rows_do_not_sum_to_1_are_maps(photo, side):
    for array in (zeros(3, side, side), np.ones((3, side, side)), np.random.default_rng(0).random((2, side, side))):
        assert read(array, seen=Seen(PHOTOS[photo])) == ("thw", 0, (side, side))
    assert read(zeros(side, side), seen=Seen(PHOTOS[photo])) == ("hw", 0, (side, side))
    assert read(zeros(1, side, side), seen=Seen(PHOTOS[photo])) == ("hw", 0, (side, side))


@pytest.mark.parametrize("side", [7, 14])
def test_small_maps_are_maps_whatever_their_rows(side):
    assert read(uniform(3, side, side), seen=Seen((336, 504)))[0] == "thw"


def test_rows_that_nearly_sum_to_1_are_attention():
    array = np.array(uniform(2, 50, 50))
    for scale, layout in ((1.009, "hnn"), (0.991, "hnn"), (1.011, "thw"), (0.5, "thw")):
        assert read(array * np.float32(scale))[0] == layout
    array[1, 7] *= 1.1
    assert read(array)[0] == "thw"
    array[1, 7] = np.nan
    assert read(array)[0] == "hnn"  # what is not finite is counted and refused later
    assert read(array * np.float32(np.nan))[0] == "thw"


def test_half_precision_attention_sums_to_1(tmp_path):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (2, 1025, 1025))
    array = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    assert read(array.astype(np.float16).astype(np.float32)) == ("hnn", 1, (32, 32))


def test_attention_by_its_number_of_tokens_alone():
    """The grid of the photo's patches and a class token is evidence enough; a square and a class token is not."""
    own, other = Seen((336, 504)), Seen((300, 451))
    assert read(zeros(2, 865, 865), seen=own) == ("hnn", 1, (24, 36))
    assert read(zeros(865, 865), seen=own) == ("hnn", 1, (24, 36))
    assert read(zeros(2, 865, 865), seen=other)[0] == "thw"
    assert read(zeros(2, 864, 864), seen=own)[0] == "thw"
    for n, seen in ((866, own), (869, own), (197, own), (197, None), (577, other)):
        message = read(zeros(2, n, n), seen=seen)
        assert (
            f"a.npy has the shape (2, {n}, {n}), which can be a map of {n}x{n}, or attention of {n} tokens" in message
        )
        assert message.endswith("choose with --layout thw or --layout hnn")
        assert read(zeros(2, n, n), seen=seen, layout="thw") == ("thw", 0, (n, n))
        assert read(zeros(2, n, n), seen=seen, layout="hnn")[0] == "hnn"
    assert read(zeros(197, 197), seen=other).endswith("--layout hw or --layout hnn")
    assert read(zeros(197, 197), seen=Seen((197, 197))) == ("hw", 0, (197, 197))
    assert read(zeros(2, 197, 197), seen=Seen((224, 224))) == ("hnn", 1, (14, 14))


def test_attention_without_a_grid_is_asked_about():
    message = read(uniform(8, 90, 90))
    assert "(8, 90, 90), and its rows sum to 1 as those of attention do, but 90 tokens are no grid" in message
    assert message.endswith("give --grid WxH or --prefix-tokens K, or --layout thw if it is a map of 90x90")
    assert read(uniform(8, 90, 90), prefix_tokens=9) == ("hnn", 9, (9, 9))
    assert read(uniform(8, 90, 90), grid=(8, 11)) == ("hnn", 2, (8, 11))
    assert read(uniform(90, 90), grid=(8, 11)) == ("hnn", 2, (8, 11))
    assert read(uniform(8, 90, 90), layout="thw") == ("thw", 0, (90, 90))


@pytest.mark.parametrize(
    ("shape", "found"),
    [
        ((7, 7, 1), ("hw", 0, (7, 7))),
        ((1, 7, 7, 1), ("hw", 0, (7, 7))),
        ((1, 1, 7, 7), ("hw", 0, (7, 7))),
        ((24, 36, 1), ("hw", 0, (24, 36))),
        ((224, 224, 1), ("hw", 0, (224, 224))),
        ((3, 7, 7, 1), ("thw", 0, (7, 7))),
        ((3, 24, 36, 1), ("thw", 0, (24, 36))),
        ((1, 3, 24, 36, 1), ("thw", 0, (24, 36))),
        ((3, 1, 7, 7), ("thw", 0, (7, 7))),
        ((3, 1, 9, 9), ("thw", 0, (9, 9))),
        ((3, 1, 24, 36), ("thw", 0, (24, 36))),
        ((1, 196, 1), ("n", 0, (14, 14))),
        ((3, 197, 1), ("tn", 1, (14, 14))),
        ((3, 1, 1), ("thw", 0, (1, 1))),
    ],
)
def test_an_axis_of_one_channel_is_dropped(shape, found):
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    assert read(values, seen=Seen((336, 504))) == found
    if found[0] != "tn":  # with a prefix, the values begin later
        arranged = arrange(values, "a", seen=Seen((336, 504)))
        np.testing.assert_array_equal(arranged.maps.ravel(), values.ravel())
    assert read(values, layout=found[0]) == found


def test_four_axes():
    assert read(uniform(3, 2, 50, 50)) == ("lhnn", 1, (7, 7))
    assert read(uniform(3, 1, 50, 50)) == ("lhnn", 1, (7, 7))
    assert read(uniform(3, 1, 2, 50, 50)) == ("lhnn", 1, (7, 7))
    assert read(zeros(3, 2, 197, 197)) == ("lhnn", 1, (14, 14))
    for shape in ((3, 2, 9, 9), (2, 3, 64, 64), (2, 512, 7, 7)):
        message = read(zeros(*shape))
        assert "no stack of maps, and no attention: its rows do not sum to 1; " in message
        assert message.endswith("say so with --layout lhnn")
    assert read(zeros(2, 3, 64, 64), layout="lhnn") == ("lhnn", 0, (8, 8))
    assert read(zeros(3, 1, 197, 197)).endswith("--layout thw or --layout lhnn")


@pytest.mark.parametrize(
    ("shape", "size", "found"),
    [
        ((12, 865), (336, 504), ("tn", 1, (24, 36))),
        ((12, 1041), (427, 640), ("tn", 1, (26, 40))),
        ((4, 196), None, ("tn", 0, (14, 14))),
        ((144, 256), (1080, 1920), ("hw", 0, (144, 256))),
        ((75, 100), (1080, 1920), ("hw", 0, (75, 100))),
        ((14, 21), (2000, 3000), ("hw", 0, (14, 21))),
    ],
)
def test_two_axes(shape, size, found):
    assert read(zeros(*shape), seen=size and Seen(size)) == found


@pytest.mark.parametrize(
    ("shape", "size", "words"),
    [
        ((50, 196), (2000, 3000), "one map of 196x50, or 50 maps of 196 tokens each, a grid of 14x14 and 0 prefix"),
        ((300, 197), (2000, 3000), "one map of 197x300, or 300 maps of 197 tokens each, a grid of 14x14 and 1 prefix"),
        ((20, 196), (400, 4000), "one map of 196x20, or 20 maps of 196 tokens each"),
        ((14, 14, 8), (3000, 3000), "14 maps of 8x14, or 8 maps of 14x14 on the last axis"),
        ((224, 224, 3), (2000, 3000), "224 maps of 3x224, or 3 maps of 224x224 on the last axis"),
        ((24, 36, 12), (336, 504), "24 maps of 12x36, or 12 maps of 36x24 on the last axis"),
    ],
)
def test_other_shapes_of_two_readings_are_asked_about(shape, size, words):
    message = read(zeros(*shape), seen=Seen(size))
    assert words in message
    for layout in ("hw", "tn") if len(shape) == 2 else ("thw",):
        assert f"--layout {layout}" in message
        assert read(zeros(*shape), seen=Seen(size), layout=layout)[0] == layout


@examples(300)
@given(
    st.sampled_from(list(PHOTOS.values())),
    st.sampled_from([7, 14, 16, 20, 24, 28, 32]),
    st.integers(2, 6),
    st.sampled_from(["floor", "ceil", "square"]),
)
def test_maps_of_a_network_are_maps(size, cells, count, rounding):
    """Feature maps of a whole photo, with the shorter side of `cells` cells, or of a photo that was made square."""
    short = min(size)
    h, w = (-(-side * cells // short) if rounding == "ceil" else side * cells // short for side in size)
    if rounding == "square":
        h = w = cells
    rng = np.random.default_rng(0)
    assert read(rng.random((h, w)), seen=Seen(size)) == ("hw", 0, (h, w))
    assume(count != h)
    assert read(rng.random((count, h, w)), seen=Seen(size)) == ("thw", 0, (h, w))


# --- on the command line


def test_on_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (504, 336), (90, 90, 90)).save("photo.png")
    Image.new("RGB", (512, 288)).save("wide.png")
    attention = np.full((2, 865, 865), 1e-4, np.float32)
    attention[:, 0, 1 + 2 * 36 + 3] = 1
    np.save("vit.npy", attention)
    channel = np.zeros((7, 7, 1), np.float32)
    channel[2, 3] = 1
    np.save("cam.npy", channel)
    np.save("two.npy", np.full((577, 577), 1 / 577, np.float32))

    def run(line):
        code = cli.run(["overlay", *line.split()])
        return code, *capsys.readouterr()

    code, out, err = run("photo.png --map vit.npy --json -o v/")
    assert (code, "read as hnn: 2 heads, 865 tokens, 1 prefix token, grid 36x24" in err) == (0, True), err
    peaks = [json.loads(line)["peak"] for line in out.splitlines()]
    assert [(peak["row"], peak["column"]) for peak in peaks] == [(2, 3)] * 2
    code, out, err = run("photo.png --map cam.npy --json -o c.png")
    assert (code, "read as hw: 1 map, grid 7x7" in err) == (0, True), err
    assert (json.loads(out)["peak"]["row"], json.loads(out)["peak"]["column"]) == (2, 3)
    code, out, err = run("wide.png --map two.npy --json")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "two.npy has 577 tokens" in err
    code, out, err = run("wide.png --map two.npy --grid 32x18 --json")
    assert (code, "1 prefix token, grid 32x18" in err) == (0, True), err
    code, out, err = run("wide.png --map two.npy --preprocess stretch:336 --json")
    assert (code, "1 prefix token, grid 24x24" in err) == (0, True), err
    code, out, err = run("wide.png --map two.npy --preprocess patch:16 --json")
    assert (code, "1 prefix token, grid 32x18" in err) == (0, True), err
