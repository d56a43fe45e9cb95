"""Projective windows: `--quad` and Projective, from the corners to the pixels."""

import json
import shutil

import numpy as np
import oracles
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from glimpsecli import Projective, Window, cli, extract, extract_batch, mask
from glimpsecli.errors import InvalidInputError
from glimpsecli.window import corners

QUAD = [(12, 9), (61, 4), (70, 44), (5, 50)]


@pytest.fixture
def photo():
    return np.random.default_rng(3).integers(0, 256, (60, 80, 3), dtype=np.uint8)


@pytest.fixture
def glimpse(capsys, tmp_path, monkeypatch, samples):
    monkeypatch.chdir(tmp_path)
    shutil.copy(samples / "chelsea.png", "cat.png")

    def run(line):
        code = cli.run(line.split())
        out, err = capsys.readouterr()
        return code, out, err

    return run


@st.composite
def quads(draw):
    points = [
        (x + draw(st.floats(-8, 8)), y + draw(st.floats(-8, 8))) for x, y in ((10, 10), (60, 10), (60, 50), (10, 50))
    ]
    turn = draw(st.integers(0, 3))
    return points[turn:] + points[:turn]


@given(quads(), st.integers(1, 9), st.integers(1, 9))
def test_the_corners_of_the_glimpse_go_to_those_of_the_quadrilateral(quad, h, w):
    np.testing.assert_allclose(corners(Projective.from_quad(quad, (h, w)), (h, w)), quad, atol=1e-7)


@given(quads(), st.floats(0.05, 0.95), st.floats(0.05, 0.95))
def test_straight_lines_stay_straight(quad, share, along):
    """The diagonals cross in the image where they cross in the glimpse, which no affine map of a trapezium does."""
    matrix = Projective.from_quad(quad, (8, 8)).matrix
    ends = np.array([[-0.5, 8 * share - 0.5, 1], [7.5, 8 * share - 0.5, 1], [8 * along - 0.5, 8 * share - 0.5, 1]])
    points = ends @ matrix.T
    a, b, c = points[:, :2] / points[:, 2:]
    assert abs((b - a)[0] * (c - a)[1] - (b - a)[1] * (c - a)[0]) < 1e-6 * np.hypot(*(b - a)) ** 2


@pytest.mark.parametrize("backend", ["numpy", "cpu"])
@given(quads(), st.sampled_from(["zeros", "constant", "edge", "reflect"]), st.sampled_from(["bilinear", "hard"]))
def test_each_backend_equals_a_loop_over_the_pixels(backend, quad, border, sampler):
    image = np.random.default_rng(3).integers(0, 256, (45, 52, 3), dtype=np.uint8)
    size = (7, 6)
    place = Projective.from_quad(quad, size)
    fill = (9.0, 99.0, 200.0) if border == "constant" else None
    expected = np.zeros((*size, 3))
    for i, j in np.ndindex(*size):
        x, y, w = (place.matrix[:, 0] * j + place.matrix[:, 1] * i) + place.matrix[:, 2]
        point = [[0, 0, x / w], [0, 0, y / w]]
        expected[i, j] = getattr(oracles, sampler)(image, point, (1, 1), border, fill)[0, 0]
    found = extract(image, place, size, sampler=sampler, border=border, fill=fill, backend=backend)
    if sampler == "hard":
        assume(np.abs(found - expected).max() == 0 or not near_a_tie(place, size))
    assert np.abs(found - expected).max() <= 2e-6 * 255


def near_a_tie(place, size):
    grid = np.stack(np.meshgrid(np.arange(size[1]), np.arange(size[0]), [1.0]), axis=-1)[:, :, 0]
    points = grid @ place.matrix.T
    return np.abs((points[..., :2] / points[..., 2:]) % 1 - 0.5).min() < 1e-9


def test_an_upright_rectangle_is_the_window_and_a_crop_is_exact(photo):
    rectangle = Projective.from_quad([(10, 20), (30, 20), (30, 35), (10, 35)], (15, 20))
    for sampler in ("bilinear", "hard"):
        np.testing.assert_array_equal(extract(photo, rectangle, (15, 20), sampler=sampler), photo[20:35, 10:30])
    small = Projective.from_quad([(10, 20), (30, 20), (30, 35), (10, 35)], (5, 8))
    window = Window.from_box(10, 20, 20, 15)
    for sampler in ("bilinear", "gaussian"):
        np.testing.assert_allclose(
            extract(photo, small, (5, 8), sampler=sampler), extract(photo, window, (5, 8), sampler=sampler), rtol=1e-6
        )


def test_a_drawn_page_is_straightened():
    """A checkerboard seen in perspective becomes a checkerboard of equal squares."""
    page = np.kron(np.indices((4, 4)).sum(axis=0) % 2, np.ones((8, 8))) * 255
    place = Projective.from_quad(QUAD, (32, 32))
    back = np.linalg.inv(place.matrix)
    x, y = np.meshgrid(np.arange(80.0), np.arange(60.0))
    points = np.stack([x, y, np.ones_like(x)], axis=-1) @ back.T
    j, i = (np.rint(points[..., k] / points[..., 2]).astype(int) for k in (0, 1))
    seen = np.where((i >= 0) & (i < 32) & (j >= 0) & (j < 32), page[i.clip(0, 31), j.clip(0, 31)], 90)
    straight = extract(seen.astype(np.uint8), place, (32, 32), sampler="bilinear")
    centres = (slice(4, 32, 8), slice(4, 32, 8))
    np.testing.assert_array_equal(straight[centres] > 128, page[centres] > 128)
    assert np.abs(straight - page).mean() < 25


def test_many_at_once_and_batches(photo):
    places = [Projective.from_quad(np.add(QUAD, shift), (6, 7)) for shift in (0, 1, -2)]
    many = extract(photo, places, (6, 7), sampler="bilinear")
    batch = extract_batch([photo] * 3, places, (6, 7), sampler="bilinear")
    planes = extract_batch(
        np.stack([photo] * 3).transpose(0, 3, 1, 2), places, (6, 7), sampler="bilinear", layout="NCHW"
    )
    np.testing.assert_array_equal(many, batch)
    np.testing.assert_allclose(planes.transpose(0, 2, 3, 1), batch, rtol=1e-6)
    alpha = np.dstack([photo, np.full(photo.shape[:2], 255, np.uint8)])
    seen = extract(alpha, places[0], (6, 7), sampler="bilinear", alpha=True)
    np.testing.assert_allclose(seen[..., :3], many[0], rtol=1e-5)


def test_its_mask_covers_the_quadrilateral():
    place = Projective.from_quad(QUAD, (60, 70))
    seen = mask((60, 80), place, (60, 70), sampler="bilinear")
    assert seen[30, 40] > 0.2
    assert seen[0, 0] == 0
    assert abs((seen > 0).sum() - 2407) < 300  # the area by the shoelace formula, and its rim


@pytest.mark.parametrize(
    ("quad", "words"),
    [
        ([(0, 0), (9, 9), (9, 0), (0, 9)], "not convex"),
        ([(0, 0), (5, 0), (9, 0), (4, 9)], "not convex"),
        ([(0, 0), (9, 0), (3, 3), (0, 9)], "not convex"),
        ([(0, 0), (0, 0), (9, 9), (0, 9)], "not convex"),
        ([(0, 0), (9, 0), (9, float("nan")), (0, 9)], "not finite"),
        ([(0, 0), (9, 0), (9, 9)], "4 corners"),
    ],
)
def test_what_is_no_window_is_refused(quad, words):
    with pytest.raises(InvalidInputError, match=words):
        Projective.from_quad(quad, (4, 4))


@pytest.mark.parametrize(
    ("last", "words"), [(1e-320, "not finite"), (-1e-300, "beyond"), (0, "is 0"), (float("inf"), "not finite")]
)
def test_a_matrix_is_judged_as_it_will_be_used(last, words):
    with pytest.raises(InvalidInputError, match=words):
        Projective([[1, 0, 0], [0, 1, 0], [0, 0, last]])


def test_a_horizon_in_the_glimpse_is_refused(photo):
    place = Projective([[1, 0, 0], [0, 1, 0], [-0.2, 0, 1]])
    with pytest.raises(InvalidInputError, match="horizon"):
        extract(photo, place, (10, 10), sampler="bilinear")
    with pytest.raises(InvalidInputError, match="horizon"):
        extract(photo, place, (10, 10), sampler="gaussian")


def test_the_command_line_straightens(glimpse):
    quad = "100,40,300,60,280,220,90,200"
    code, out, err = glimpse(f"extract cat.png --quad {quad} -o q.npy --depth float --json")
    assert code == 0, err
    row = json.loads(out)
    assert (row["size"], row["window"], row["sampler"]) == ({"width": 201, "height": 161}, None, "bilinear")
    points = np.reshape([float(one) for one in quad.split(",")], (4, 2))
    with Image.open("cat.png") as image:
        expected = extract(np.asarray(image), Projective.from_quad(points, (161, 201)), (161, 201), sampler="bilinear")
    np.testing.assert_allclose(np.load("q.npy"), expected / 255, atol=1e-6)
    assert glimpse("extract cat.png --quad 10%,10%,90%,20%,80%,90%,15%,80% --size 64x48 -o half.png")[0] == 0
    assert glimpse(f"batch . --ext png -o out --quad {quad} --size 32")[0] == 0
    assert glimpse("replay out -o again")[0] == 0
    for command in ("overlay", "mask", "compare"):
        assert glimpse(f"{command} cat.png --quad {quad} --size 40x32 -o {command}.png")[0] == 0
    for line, words in (
        ("--quad 1,2,3,4", "4 numbers"),
        (f"--quad {quad} --square", "--square"),
        ("--quad 0,0,9,9,9,0,0,9", "not convex"),
    ):
        code, _, err = glimpse(f"extract cat.png {line} -o x.png")
        assert (code, err.count("\n")) == (2, 1)
        assert words in err


@pytest.mark.parametrize("sampler", ["bilinear", "gaussian"])
def test_a_large_jpeg_is_decoded_in_part_to_the_same_pixels(glimpse, samples, sampler):
    with Image.open(samples / "retina.jpg") as image:
        image.resize((2000, 1500)).save("large.jpg", quality=92)
    quad = "700,300,1100,340,1050,700,650,620"
    with Image.open("large.jpg") as image:
        image.save("large.png")
    how = f"--sampler {sampler} --backend cpu --depth float --json --overwrite"
    for where in (f"--quad {quad}", "--at 900,500 --extent 400x320 --angle 15", "--at 900,500 --extent 400x320"):
        line = f"{where} --size 50x40 {how}"
        code, out, _ = glimpse(f"extract large.jpg {line} -o part.npy")
        assert (code, json.loads(out)["decoded"]) == (0, "window")
        assert glimpse(f"extract large.png {line} -o whole.npy")[0] == 0
        assert np.abs(np.load("part.npy") - np.load("whole.npy")).max() <= (0 if sampler == "bilinear" else 2e-6)
        code, out, _ = glimpse(f"extract large.jpg {line} -o fast.npy --fast-decode")
        assert json.loads(out)["decoded"].startswith("reduced")
        assert np.abs(np.load("fast.npy") - np.load("whole.npy")).mean() < 3 / 255


@pytest.mark.parametrize(
    ("quad", "words"),
    [
        ([(0, 0), (9, 9), (9, 0), (0, 9)], "not convex: its sides cross"),
        ([(0, 0), (9, 0), (3, 3), (0, 9)], "not convex: one of its corners points inwards"),
        ([(0, 0), (5, 0), (9, 0), (4, 9)], "not convex: three of its corners lie in a line"),
        ([(0, 0), (1, 1), (3, 3), (2, 2)], "its corners lie in a line, so it has no area"),
        ([(0, 0), (0, 0), (9, 9), (0, 9)], "two of its corners are in one place"),
        ([(0, 0), (9, 0), (0, 0), (0, 9)], "two of its corners are in one place"),
        ([(5, 5)] * 4, "less than 1e-06 pixels large"),
        ([(0, 0), (1e-9, 0), (1e-9, 1e-9), (0, 1e-9)], "0,0 1e-09,0 1e-09,1e-09 0,1e-09 is less than"),
        ([(0, 0), (1e-300, 0), (1e-300, 1e-300), (0, 1e-300)], "less than"),
        ([(0, 0), (1e300, 0), (9, 9), (0, 9)], r"numbers beyond 1e\+09: 0,0,1e\+300,0,9,9,0,9$"),
        ([(0, 0), (float("inf"), 0), (9, 9), (0, 9)], "not finite: 0,0,inf,0,9,9,0,9$"),
    ],
)
def test_it_is_said_what_a_quadrilateral_is_instead(quad, words):
    with pytest.raises(InvalidInputError, match=words):
        Projective.from_quad(quad, (4, 4))


@given(quads(), st.floats(-3, 6))
def test_quadrilaterals_of_any_scale_are_taken(quad, power):
    points = np.array(quad) * 10.0**power
    np.testing.assert_allclose(corners(Projective.from_quad(points, (3, 5)), (3, 5)), points, rtol=1e-6, atol=1e-9)


def test_the_corners_are_recorded_in_the_image_plane(glimpse):
    quad = [[45.1, 30], [300, 60], [280.5, 220], [90, 200]]
    line = "10%,10%,300,60,280.5,220,90,200"
    _, out, _ = glimpse(f"extract cat.png -o q.png --size 20 --quad {line} --json")
    assert glimpse(f"batch cat.png -o out --size 20 --quad {line}")[0] == 0
    with open("out/metadata.jsonl", encoding="ascii") as file:
        rows = [json.loads(out), json.loads(file.readline())]
    for row in rows:
        assert (row["quad"], row["window"]) == (quad, None)
        assert np.shape(row["matrix"]) == (3, 3)
    _, out, _ = glimpse("extract cat.png -o plain.png --box 1,2,30,40 --json")
    assert json.loads(out)["quad"] is None
    assert glimpse(f"extract cat.png -o q.npz --size 20 --quad {line} --quad 1,1,90,2,80,70,3,60")[0] == 0
    with np.load("q.npz") as kept:
        assert np.isnan(kept["windows"]).all()
        np.testing.assert_array_equal(kept["quads"], [quad, [[1, 1], [90, 2], [80, 70], [3, 60]]])
        assert kept["matrices"].shape == (2, 3, 3)
    assert glimpse("extract cat.png -o plain.npz --box 1,2,30,40")[0] == 0
    with np.load("plain.npz") as kept:
        assert "quads" not in kept


def test_a_comparison_tells_the_sigmas_of_ellipses(glimpse, monkeypatch):
    from glimpsecli.jobs import comparing

    captions = []
    row = comparing.panel_row
    monkeypatch.setattr(
        comparing,
        "panel_row",
        lambda panels, titles, below, **how: captions.append(below[2]) or row(panels, titles, below, **how),
    )
    for where in (
        "--quad 10,10,50,10,50,40,10,40 --size 20x20",
        "--box 100,40,90,90 --angle 9 --size 20",
        "--box 100,40,90,60 --angle 9 --size 20x20",
        "--quad 100,40,300,40,250,140,150,140 --size 20x20",
    ):
        assert glimpse(f"compare cat.png -o a.png --overwrite {where}")[0] == 0
    assert captions[:3] == ["20×20, σ = 1×0.75 px", "20×20, σ = 2.25 px", "20×20, σ = 1.5 to 2.25 px"]
    least, most = (float(number) for number in captions[3].split("σ = ")[1].removesuffix(" px").split(" to "))
    matrix = Projective.from_quad([(100, 40), (300, 40), (250, 140), (150, 140)], (20, 20)).matrix
    points = [
        matrix @ [x + dx, y + dy, 1] for x in (0, 19) for y in (0, 19) for dx, dy in ((0, 0), (1e-5, 0), (0, 1e-5))
    ]
    places = np.array([point[:2] / point[2] for point in points]).reshape(4, 3, 2)
    strides = np.linalg.svd((places[:, 1:] - places[:, :1]) / 1e-5, compute_uv=False)
    assert [least, most] == pytest.approx([strides.min() / 2, strides.max() / 2], rel=0.006)


def test_large_glimpses_of_turned_windows_are_averaged_by_default(glimpse):
    """A replay reads the sampler from the manifest: one that bilinear has made is made by it again."""
    quad = "100,40,300,60,280,220,90,200"
    for where in (f"--quad {quad}", "--box 100,40,150,120 --angle 20"):
        for option, sampler in (("", "gaussian"), ("--blur 0.9", "gaussian"), ("--sampler bilinear", "bilinear")):
            assert glimpse(f"batch cat.png -o out {where} --size 32 {option} --overwrite")[0] == 0
            with open("out/run.json", encoding="ascii") as file:
                assert json.load(file)["how"]["sampler"] == sampler
            assert glimpse("replay out -o again --overwrite")[0] == 0
            with open("out/cat_000.png", "rb") as one, open("again/cat_000.png", "rb") as other:
                assert one.read() == other.read()
    assert json.loads(glimpse(f"extract cat.png --quad {quad} -o whole.png --json")[1])["sampler"] == "bilinear"
