from __future__ import annotations

import io
import threading

import numpy as np
import pytest
from PIL import Image, ImageCms

from glimpsecli.errors import FileProblemError, InvalidInputError
from glimpsecli.images import partial
from glimpsecli.images.partial import read_reduced, read_window
from glimpsecli.images.reading import Picture, read

rng = np.random.default_rng(11)

FILES = {
    "444": {"subsampling": 0},
    "422": {"subsampling": 1},
    "420": {"subsampling": 2},
    "411": {"subsampling": "4:1:1"},
    "440": {"subsampling": "4:4:0"},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_blocks": 3},
    "restarts by row": {"restart_marker_rows": 1, "subsampling": 1},
    "rgb": {"keep_rgb": True},
    "optimised": {"optimize": True, "quality": 30},
}


def photo(height, width, channels=3):
    """Smooth colours with noise on them, so that chroma upsampling shows."""
    y, x, channel = np.mgrid[:height, :width, :channels]
    waves = (120 + 90 * np.sin(y / 5 + x / 7 + channel)).squeeze(-1 if channels == 1 else ())
    return np.clip(waves + rng.normal(0, 25, waves.shape), 0, 255).astype(np.uint8)


def jpeg(path, array, **options):
    if options.get("subsampling") == "4:4:0":  # Pillow writes none: relabel the blocks of a 4:2:2 of the turned size
        file = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(array.swapaxes(0, 1))).save(file, "JPEG", subsampling=1)
        data = bytearray(file.getvalue())
        frame = data.index(b"\xff\xc0")
        assert data[frame + 11] == 0x21
        data[frame + 11] = 0x12
        data[frame + 5 : frame + 9] = data[frame + 7 : frame + 9] + data[frame + 5 : frame + 7]
        path.write_bytes(data)
        return str(path)
    image = Image.fromarray(array) if isinstance(array, np.ndarray) else array
    image.save(path, "JPEG", **options)
    return str(path)


def boxes(height, width):
    yield 0, height, 0, width
    for y in (0, 1, height // 2, height - 2, height - 1):
        for x in (0, width // 2, width - 1):
            yield y, y + 1, x, x + 1
    for _ in range(25):
        top, bottom = sorted(rng.choice(height + 1, 2, replace=False).tolist())
        left, right = sorted(rng.choice(width + 1, 2, replace=False).tolist())
        yield top, bottom, left, right


def orient(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.fixture
def early(monkeypatch):
    """Count how often rows were left out, so that no test passes because everything was decoded whole."""
    seen = []
    original = partial._decode_rows

    def counting(image, stream, rows, label):
        partly = rows < image.size[1]
        done = original(image, stream, rows, label)
        seen.append(done and partly)
        return done

    monkeypatch.setattr(partial, "_decode_rows", counting)
    return seen


@pytest.mark.parametrize("size", [(97, 131), (64, 64)])
@pytest.mark.parametrize("kind", FILES)
def test_a_window_equals_that_part_of_the_whole(tmp_path, early, kind, size):
    path = jpeg(tmp_path / "a.jpg", photo(*size), **FILES[kind])
    whole = read(path).pixels
    for box in boxes(*size):
        top, bottom, left, right = box
        part = read_window(path, box)
        assert part is not None
        assert part.pixels.flags.writeable
        assert part.pixels.flags.c_contiguous
        np.testing.assert_array_equal(part.pixels, whole[top:bottom, left:right], err_msg=str(box))
    assert sum(early) > 15


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_a_window_of_a_grey_image(tmp_path, early, options):
    path = jpeg(tmp_path / "a.jpg", photo(90, 70, 1), **options)
    whole = read(path).pixels
    for top, bottom, left, right in boxes(90, 70):
        np.testing.assert_array_equal(
            read_window(path, (top, bottom, left, right)).pixels, whole[top:bottom, left:right]
        )
    assert any(early)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_window_and_a_reduction_are_upright(tmp_path, orientation):
    path = jpeg(tmp_path / "a.jpg", photo(53, 71), exif=orient(orientation))
    whole = read(path).pixels
    for top, bottom, left, right in boxes(*whole.shape[:2]):
        window = read_window(path, (top, bottom, left, right))
        np.testing.assert_array_equal(window.pixels, whole[top:bottom, left:right])
    everything = read_reduced(path, 4)
    for box in boxes(*whole.shape[:2]):
        top, bottom, left, right = box
        part = read_reduced(path, 4, box=box)
        y, x = ((b - a) // 4 for a, b in zip(everything.origin, part.origin, strict=True))
        height, width = part.picture.pixels.shape[:2]
        np.testing.assert_array_equal(part.picture.pixels, everything.picture.pixels[y : y + height, x : x + width])
        assert part.origin[0] <= top < part.origin[0] + 4
        assert part.origin[1] <= left < part.origin[1] + 4
        assert bottom <= part.origin[0] + 4 * height < bottom + 4
        assert right <= part.origin[1] + 4 * width < right + 4


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("factor", [2, 4, 8])
def test_a_reduced_pixel_is_the_mean_of_what_it_stands_for(tmp_path, factor, orientation):
    y, x = np.mgrid[:83, :109]
    ramp = np.stack([y * 2, x * 2, 200 - y - x // 2], -1).clip(0, 255).astype(np.uint8)
    path = jpeg(tmp_path / "a.jpg", ramp, quality=100, subsampling=0, exif=orient(orientation))
    whole = read(path).pixels.astype(float)
    reduced = read_reduced(path, factor)
    assert reduced.scale == (1 / factor, 1 / factor)
    stored = (-(-83 // factor), -(-109 // factor))
    assert reduced.picture.pixels.shape[:2] == (stored if orientation < 5 else stored[::-1])
    for i, row in enumerate(reduced.picture.pixels):
        for j, pixel in enumerate(row):
            top, left = reduced.origin[0] + i * factor, reduced.origin[1] + j * factor
            block = whole[max(0, top) : top + factor, max(0, left) : left + factor]
            if block.shape[:2] == (factor, factor):
                assert np.abs(block.mean((0, 1)) - pixel).max() < 2.5


def test_an_image_too_small_to_reduce_says_so(tmp_path):
    path = jpeg(tmp_path / "a.jpg", photo(3, 50))
    reduced = read_reduced(path, 8)
    assert reduced.scale == (0.5, 0.5)
    assert reduced.picture.pixels.shape == (2, 25, 3)
    path = jpeg(tmp_path / "b.jpg", photo(1, 1))
    reduced = read_reduced(path, 2)
    assert reduced.scale == (1, 1)
    np.testing.assert_array_equal(reduced.picture.pixels, read(path).pixels)


@pytest.mark.parametrize("size", [(2, 2), (3, 3), (7, 7), (8, 15), (15, 8), (16, 17), (31, 9), (200, 8)])
def test_the_factor_is_the_one_asked_for_where_there_are_pixels_enough(tmp_path, size):
    path = jpeg(tmp_path / "a.jpg", photo(*size))
    for factor in (2, 4, 8):
        reduced = read_reduced(path, factor)
        if min(size) >= factor:
            assert reduced.scale == (1 / factor, 1 / factor)
            assert reduced.picture.pixels.shape[:2] == (-(-size[0] // factor), -(-size[1] // factor))


def test_what_is_not_for_it_is_left_to_read(tmp_path):
    Image.fromarray(photo(20, 20)).save(tmp_path / "a.jpg", "PNG")
    Image.new("CMYK", (20, 20)).save(tmp_path / "b.jpg")
    for name in ("a.jpg", "b.jpg"):
        assert read_window(str(tmp_path / name), (0, 5, 0, 5)) is None
        assert read_reduced(str(tmp_path / name), 2) is None


def test_the_profile_comes_along_where_it_fits(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    colour = jpeg(tmp_path / "a.jpg", photo(20, 20), icc_profile=profile)
    grey = jpeg(tmp_path / "b.jpg", photo(20, 20, 1), icc_profile=profile)
    assert read_window(colour, (0, 5, 0, 5)).icc == read_reduced(colour, 2).picture.icc == profile
    assert read_window(grey, (0, 5, 0, 5)).icc is None
    assert read_reduced(grey, 2).picture.icc is None


@pytest.mark.parametrize("left", [2, 10, 200, 1000, 0.3, 0.9, -2, -1])
@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_a_truncated_file_is_refused_in_the_words_of_read(tmp_path, options, left):
    path = jpeg(tmp_path / "a.jpg", photo(160, 160), **options)
    data = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(data[: int(left * len(data)) if isinstance(left, float) else left])
    with pytest.raises(FileProblemError) as expected:
        read(path)
    for attempt in (lambda: read_window(path, (0, 5, 0, 5)), lambda: read_reduced(path, 2, box=(0, 5, 0, 5))):
        with pytest.raises(FileProblemError) as error:
            attempt()
        assert str(error.value) == str(expected.value)


def test_damage_gives_the_pixels_or_the_error_of_read(tmp_path):
    path = jpeg(tmp_path / "a.jpg", photo(120, 120))
    data = (tmp_path / "a.jpg").read_bytes()
    start = data.index(b"\xff\xda") + 20
    for seed in range(150):
        chance = np.random.default_rng(seed)
        damaged = bytearray(data)
        # Damage in the headers is met before any row, in the scan only where it comes above the end of the window.
        at = chance.integers(2, len(data) - 10) if seed % 2 else chance.integers(2, start)
        damaged[at : at + 4] = [b"\xff\xc4\xff\xd8", b"\xff\xd9\xff\xd9", chance.bytes(4)][seed % 3]
        (tmp_path / "a.jpg").write_bytes(damaged)
        box = (100, 119, 3, 50) if seed % 5 else (100, 120, 3, 50)
        whole, part = outcome(lambda: read(path)), outcome(lambda: read_window(path, box))  # noqa: B023
        if isinstance(whole, Picture) and isinstance(part, Picture):
            np.testing.assert_array_equal(part.pixels, whole.pixels[box[0] : box[1], box[2] : box[3]])
        elif isinstance(whole, Picture):
            assert part is None or "no part of" in part  # damage has changed the channels, or the size
        else:
            assert part is None or isinstance(part, Picture) or part == whole or "no part of" in part


def outcome(attempt):
    try:
        return attempt()
    except (FileProblemError, InvalidInputError) as error:
        return str(error)


def test_errors_are_those_of_read(tmp_path):
    (tmp_path / "empty.jpg").touch()
    path = jpeg(tmp_path / "a.jpg", photo(30, 40))
    for source, options in (
        (str(tmp_path / "none.jpg"), {}),
        (str(tmp_path), {}),
        (str(tmp_path / "empty.jpg"), {}),
        (path, {"max_pixels": 1199}),
    ):
        messages = set()
        for attempt in (
            lambda: read(source, **options),  # noqa: B023 - called before the loop goes on
            lambda: read_window(source, (0, 5, 0, 5), **options),  # noqa: B023
            lambda: read_reduced(source, 2, **options),  # noqa: B023
        ):
            with pytest.raises((FileProblemError, InvalidInputError)) as error:
                attempt()
            messages.add(str(error.value))
        assert len(messages) == 1


@pytest.mark.parametrize("box", [(0, 31, 0, 5), (0, 5, 0, 41), (-1, 5, 0, 5), (5, 5, 0, 5), (0, 5, 6, 5)])
def test_a_box_outside_the_image_is_refused(tmp_path, box):
    path = jpeg(tmp_path / "a.jpg", photo(30, 40))
    for attempt in (lambda: read_window(path, box), lambda: read_reduced(path, 2, box=box)):
        with pytest.raises(InvalidInputError, match="it has 30 rows and 40 columns"):
            attempt()


def test_other_factors_are_refused(tmp_path):
    path = jpeg(tmp_path / "a.jpg", photo(30, 40))
    with pytest.raises(InvalidInputError, match="reduced by 3"):
        read_reduced(path, 3)


def test_threads_do_not_disturb_one_another(tmp_path):
    path = jpeg(tmp_path / "a.jpg", photo(300, 300))
    whole = read(path).pixels
    wrong = []

    def look(number):
        for step in range(30):
            top = (37 * number + 11 * step) % 250
            part = read_window(path, (top, top + 20, 40, 90))
            if not np.array_equal(part.pixels, whole[top : top + 20, 40:90]):
                wrong.append((number, step))

    threads = [threading.Thread(target=look, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
