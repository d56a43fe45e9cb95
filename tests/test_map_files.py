"""Files of attention arrays, and the layouts of what they hold."""

import json
import struct
import sys
import zipfile

import numpy as np
import pytest

from glimpsecli import GlimpseError
from glimpsecli.errors import FileProblemError, InvalidInputError, UnavailableError
from glimpsecli.images import write
from glimpsecli.maps import LAYOUTS, arrange, read_array
from glimpsecli.maps.tokens import Seen

rng = np.random.default_rng(11)


def attention(*shape):
    """Return rows that sum to 1."""
    array = rng.random(shape)
    return array / array.sum(-1, keepdims=True)


# --- reading


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("f2", "f4"),
        ("f4", "f4"),
        (">f4", "f4"),
        ("f8", "f8"),
        ("?", "f4"),
        ("u1", "f4"),
        ("i2", "f4"),
        ("i4", "f8"),
        (">u8", "f8"),
    ],
)
def test_every_number_is_read_without_loss(tmp_path, dtype, expected):
    array = (np.arange(24) * 5 % 7).reshape(2, 3, 4).astype(dtype)
    np.save(tmp_path / "a.npy", np.asfortranarray(array))
    np.savez_compressed(tmp_path / "a.npz", attention=array)
    for name in ("a.npy", "a.npz"):
        found = read_array(tmp_path / name)
        assert found.dtype == np.dtype(expected)
        np.testing.assert_array_equal(found, array.astype(float))


def test_large_whole_numbers(tmp_path):
    np.save(tmp_path / "a.npy", np.array([2**53, -(2**53)]))
    assert read_array(tmp_path / "a.npy").tolist() == [2**53, -(2**53)]
    np.save(tmp_path / "a.npy", np.array([2**53 + 1]))
    with pytest.raises(InvalidInputError, match="beyond 2"):
        read_array(tmp_path / "a.npy")


def test_keys(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, layer1=np.ones(4), layer2=np.zeros(3))
    assert read_array(path, "layer2").tolist() == [0, 0, 0]
    for key, words in (
        (None, "holds 2 arrays; choose one by its key: layer1, layer2"),
        ("x", "no array 'x'; its keys"),
    ):
        with pytest.raises(InvalidInputError, match=words):
            read_array(path, key)
    np.save(tmp_path / "b.npy", np.ones(3))
    with pytest.raises(InvalidInputError, match="no arrays with names, so none is 'x'"):
        read_array(tmp_path / "b.npy", "x")
    np.savez(path)
    with pytest.raises(InvalidInputError, match="holds no arrays"):
        read_array(path)


def save_tensors(path, **tensors):
    """Write (dtype, shape, bytes) as safetensors: a header of JSON, then the data."""
    header, data = {}, b""
    for name, (dtype, shape, raw) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def test_safetensors(tmp_path):
    values = np.array([[1, -2.5, 3], [0.15625, 1e30, np.inf]], "<f4")
    upper = (values.view("<u4") >> 16).astype("<u2")
    path = tmp_path / "a.bin"
    save_tensors(path, brain=("BF16", [2, 3], upper.tobytes()), half=("F16", [2], np.array([1, 2], "<f2").tobytes()))
    found = read_array(path, "brain")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, (upper.astype("<u4") << 16).view("<f4"))
    np.testing.assert_allclose(found, values, rtol=1 / 128)
    assert read_array(path, "half").tolist() == [1, 2]
    with pytest.raises(InvalidInputError, match="brain, half"):
        read_array(path)
    save_tensors(path, one=("BOOL", [3], b"\1\0\1"))
    assert read_array(path).tolist() == [1, 0, 1]
    save_tensors(path, one=("F8_E4M3", [3], b"\1\0\1"))
    with pytest.raises(InvalidInputError, match="F8_E4M3"):
        read_array(path)
    path = tmp_path / "b.safetensors"
    path.write_bytes(b"damaged, and not at all a tensor")
    with pytest.raises(FileProblemError, match="safetensors"):
        read_array(path, "x")


def test_safetensors_without_the_package(tmp_path, monkeypatch):
    save_tensors(tmp_path / "a.safetensors", one=("U8", [1], b"\1"))
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(UnavailableError, match=r"glimpsecli\[safetensors\]"):
        read_array(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    "text",
    [
        "1,2.5\n-3e2,nan\n",
        "1;2.5\r\n-3e2; nan",
        "1\t2.5\n-3e2\tNaN\n\n",
        " 1   2.5 \n\n-3e2 nan",
        "\ufeff# w\n1, 2.5\n-3e2,nan",
    ],
)
@pytest.mark.parametrize("suffix", [".csv", ".txt", ".tsv"])
def test_text(tmp_path, text, suffix):
    (tmp_path / f"a{suffix}").write_bytes(text.encode())
    np.testing.assert_array_equal(read_array(tmp_path / f"a{suffix}"), [[1, 2.5], [-300, np.nan]])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1,2\n3\n", "line 2 has 1 numbers, the lines above have 2"),
        ("1,2\n\n3,x\n", "line 3: 'x' is not a number"),
        ("1,2,\n", "line 1: '' is not a number"),
        ("1_0\n", "'1_0'"),
        ("0,5;0,3\n", "'0,5'"),
        ("# nothing\n", "empty array"),
    ],
)
def test_bad_text_is_named_with_its_line(tmp_path, text, words):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InvalidInputError, match=words):
        read_array(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("name", "dtype"), [("a.png", np.uint8), ("a.png", np.uint16), ("a.tif", np.uint16), ("a.tif", np.float32)]
)
def test_grey_images(tmp_path, name, dtype):
    pixels = (rng.random((5, 7, 1)) * (1 if dtype == np.float32 else 255)).astype(dtype)
    write(tmp_path / name, pixels)
    found = read_array(tmp_path / name)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, pixels[..., 0])


def test_images_of_more_than_grey(tmp_path):
    write(tmp_path / "a.png", np.ones((3, 4, 3), np.uint8))
    with pytest.raises(InvalidInputError, match="is a colour image"):
        read_array(tmp_path / "a.png")
    write(tmp_path / "b.png", np.ones((3, 4, 2), np.uint8), alpha=True)
    with pytest.raises(InvalidInputError, match="alpha"):
        read_array(tmp_path / "b.png")
    (tmp_path / "c.png").write_bytes((tmp_path / "a.png").read_bytes()[:50])
    with pytest.raises(FileProblemError):
        read_array(tmp_path / "c.png")


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.array([{}], object), "pickled"),
        (np.array([1j]), "complex128"),
        (np.array(["a"]), "<U1"),
        (np.array([(1, 2)], [("a", "f4"), ("b", "f4")]), "holds"),
        (np.array(["2020"], "M8[D]"), "datetime64"),
        (np.zeros((3, 0)), r"empty array of shape \(3, 0\)"),
    ],
)
def test_arrays_that_are_no_maps(tmp_path, array, words):
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", array)
    for name in ("a.npy", "a.npz"):
        with pytest.raises(InvalidInputError, match=words):
            read_array(tmp_path / name)


def test_files_that_are_no_maps(tmp_path):
    with pytest.raises(InvalidInputError, match="does not exist"):
        read_array(tmp_path / "none.npy")
    with pytest.raises(InvalidInputError, match="is a folder"):
        read_array(tmp_path)
    for name in ("a.pt", "a.pth", "a.pkl", "a.dat"):
        (tmp_path / name).write_bytes(b"\x80\x04N.")
        with pytest.raises(InvalidInputError, match=r"pickled.*numpy\.save"):
            read_array(tmp_path / name)
    for name in ("b.pt", "b.dat"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("archive/data.pkl", b"\x80\x02N.")
        with pytest.raises(InvalidInputError, match=r"pickled.*numpy\.save"):
            read_array(tmp_path / name)
    (tmp_path / "c.npy").write_bytes(b"")
    with pytest.raises(FileProblemError, match="is empty"):
        read_array(tmp_path / "c.npy")
    (tmp_path / "d.json").write_text("[[1, 2]]")
    with pytest.raises(InvalidInputError, match="no file of numbers"):
        read_array(tmp_path / "d.json")


def test_damaged_files(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((20, 30)))
    np.savez(tmp_path / "a.npz", np.ones((20, 30)))
    for name in ("a.npy", "a.npz"):
        whole = (tmp_path / name).read_bytes()
        for length in (20, 100, len(whole) // 2, len(whole) - 1):
            (tmp_path / name).write_bytes(whole[:length])
            with pytest.raises(FileProblemError) as caught:
                read_array(tmp_path / name)
            assert "\n" not in str(caught.value)


# --- layouts


@pytest.mark.parametrize(
    ("shape", "layout", "maps", "labels"),
    [
        ((196,), "n", (1, 14, 14), ("",)),
        ((1, 197), "n", (1, 14, 14), ("",)),
        ((49, 1), "n", (1, 7, 7), ("",)),
        ((14, 14), "hw", (1, 14, 14), ("",)),
        ((1, 1, 9, 14), "hw", (1, 9, 14), ("",)),
        ((2, 9, 14), "thw", (2, 9, 14), ("map 0", "map 1")),
        ((1, 2, 50, 50), "hnn", (2, 7, 7), ("head 0", "head 1")),
        ((3, 2, 50, 50), "lhnn", (2, 7, 7), ("head 0", "head 1")),
        ((3, 1, 2, 50, 50), "lhnn", (2, 7, 7), ("head 0", "head 1")),
    ],
)
def test_layouts_are_guessed(shape, layout, maps, labels):
    found = arrange(attention(*shape), "a")
    assert (found.layout, found.maps.shape, found.labels, found.guessed) == (layout, maps, labels, True)
    assert found.reading.endswith("(guessed)")


def test_what_tokens_look_like():
    for n in (7, 8, 14, 16, 24, 27, 28, 32, 37, 48, 49, 50, 56, 64, 196, 256):
        assert arrange(np.ones((3, n, n)), "a").layout == "thw"
    for n in (16, 17, 49, 50, 51, 54, 64, 196, 197, 198, 201, 256, 257, 261, 576, 577, 1025):
        assert arrange(np.full((3, n, n), 1 / n, np.float32), "a").layout == "hnn"


def test_options_tell_the_layout():
    square = rng.random((17, 17))
    assert arrange(square, "a").layout == "hw"
    assert arrange(square, "a", query=0).layout == "hnn"
    assert arrange(square[None], "a", prefix_tokens=1).layout == "hnn"
    assert arrange(rng.random((3, 17)), "a", prefix_tokens=1).maps.shape == (3, 4, 4)
    assert arrange(rng.random((1, 2, 17, 17)), "a", layer=0).layout == "lhnn"
    assert arrange(rng.random((3, 12)), "a", layout="tn", grid=(3, 4)).maps.shape == (3, 3, 4)


def test_the_class_tokens_row_or_the_mean_of_all_is_taken():
    array = rng.random((2, 17, 17)).astype(np.float32)
    rows = {None: array[:, 0], 5: array[:, 5], -1: array[:, 16], "mean": array[:, 1:].mean(1)}
    for query, row in rows.items():
        found = arrange(array, "a", layout="hnn", query=query)
        assert (found.maps.dtype, found.prefix_tokens) == (np.float32, 1)
        np.testing.assert_allclose(found.maps, row[:, 1:].reshape(2, 4, 4), rtol=1e-6)
    bare = arrange(array[:, 1:, 1:], "a", layout="hnn")
    assert bare.prefix_tokens == 0
    np.testing.assert_allclose(bare.maps, array[:, 1:, 1:].mean(1).reshape(2, 4, 4), rtol=1e-6)


def test_heads_and_layers_are_chosen_or_joined():
    array = rng.random((3, 2, 5, 5))
    rows = array[:, :, 0, 1:].reshape(3, 2, 2, 2)
    for head, layer, maps, labels in (
        (None, None, rows[2], ("head 0", "head 1")),
        (1, 0, rows[0, 1:], ("head 1",)),
        (-1, -3, rows[0, 1:], ("head 1",)),
        ("mean", None, rows[2].mean(0)[None], ("mean of heads",)),
        ("max", "mean", rows.mean(0).max(0)[None], ("max of heads",)),
        ("all", "mean", rows.mean(0), ("head 0", "head 1")),
        (0, "all", rows[:, 0], ("layer 0, head 0", "layer 1, head 0", "layer 2, head 0")),
        ("mean", "all", rows.mean(1), tuple(f"layer {i}, mean of heads" for i in range(3))),
    ):
        found = arrange(array, "a", head=head, layer=layer, prefix_tokens=1)
        assert found.labels == labels
        np.testing.assert_allclose(found.maps, maps)


def test_it_is_reported_how_an_array_was_read():
    assert arrange(np.full((12, 197, 197), 1 / 197), "a").reading == (
        "read as hnn: 12 heads, 197 tokens, 1 prefix token, grid 14x14, attention of token 0 (guessed)"
    )
    assert arrange(np.ones((2, 1, 6, 6)), "a", layout="lhnn", grid=(2, 3), prefix_tokens=0, layer="mean").reading == (
        "read as lhnn: 2 layers (mean of layers), 1 head, 6 tokens, 0 prefix tokens, grid 3x2, "
        "the mean attention of 6 tokens"
    )
    assert arrange(np.ones((9, 14)), "a", layout="hw").reading == "read as hw: 1 map, grid 14x9"


@pytest.mark.parametrize(
    ("n", "options", "prefix", "size"),
    [
        (1374, {}, 5, (37, 37)),
        (198, {}, 2, (14, 14)),
        (1, {}, 0, (1, 1)),
        (200, {"prefix_tokens": 4}, 4, (14, 14)),
        (193, {"grid": (12, 16)}, 1, (12, 16)),
        (196, {"grid": (12, 16), "prefix_tokens": 4}, 4, (12, 16)),
        (193, {"seen": Seen((480, 640), known=True)}, 1, (12, 16)),
        (433, {"seen": Seen((640, 480), known=True)}, 1, (24, 18)),
        (197, {"seen": Seen((224, 224), known=True)}, 1, (14, 14)),
        (14 * 21, {"seen": Seen((224, 341), known=True)}, 0, (14, 21)),
        (50, {"seen": Seen((100, 200), known=True)}, 0, (5, 10)),
        (50, {}, 1, (7, 7)),
    ],
)
def test_prefix_and_grid(n, options, prefix, size):
    found = arrange(np.arange(float(n)), "a", **options)
    assert (found.prefix_tokens, found.maps.shape[1:]) == (prefix, size)
    assert found.maps[0, 0, 0] == prefix


@pytest.mark.parametrize(
    ("shape", "options", "words"),
    [
        ((2, 3, 4, 5), {}, r"shape \(2, 3, 4, 5\), which is no map; .*lhnn \(layers, heads, N, N\)"),
        ((2, 2, 2, 2, 2), {}, "no map"),
        ((), {}, "without spatial axes"),
        ((0, 3), {}, "empty"),
        ((2, 3), {"layout": "grid"}, "'grid' is no layout"),
        ((2, 3), {"layout": "thw"}, r"shape \(2, 3\), thw is \(T, h, w\)"),
        ((2, 3, 4), {"layout": "hnn"}, "last two axes differ"),
        ((2, 3, 4), {"layout": "hw"}, "hw is"),
        ((20,), {}, r"20 tokens, which is not a square grid and 0, 1, 2 or 5 prefix tokens; give --grid WxH"),
        ((20,), {"seen": Seen((10, 70), known=True)}, "aspect 7"),
        ((20,), {"prefix_tokens": 20}, "cannot begin with 20"),
        ((20,), {"prefix_tokens": -1}, "cannot begin with -1"),
        ((20,), {"grid": (4, 4)}, "leaves 4: give them as --prefix-tokens"),
        ((20,), {"grid": (40, 4)}, "40"),
        ((3, 3), {"layout": "hw", "query": 0}, "a query means nothing for the layout hw"),
        ((2, 3, 4), {"head": "mean"}, "a head means nothing for the layout thw"),
        ((3, 3), {"layout": "hw", "grid": (3, 3)}, "a grid means nothing"),
        ((2, 50, 50), {"layer": 1, "query": 0}, "a layer means nothing for the layout hnn"),
        ((2, 50, 50), {"query": 50}, "no token 50; it has 50, numbers 0 to 49"),
        ((2, 50, 50), {"head": -3}, "no head -3"),
        ((2, 50, 50), {"head": "median"}, "'median' is no head; give a number or mean, max, all"),
        ((2, 2, 50, 50), {"layer": 2}, "no layer 2"),
    ],
)
def test_what_cannot_be_arranged(shape, options, words):
    with pytest.raises(InvalidInputError, match=words):
        arrange(np.ones(shape), "a", **options)


def test_no_shape_breaks_the_guess():
    for shape in np.ndindex(3, 3, 3, 3):
        for layout in (None, *LAYOUTS):
            try:
                found = arrange(np.ones(shape), "a", layout=layout)
            except GlimpseError:
                continue
            assert len(found.labels) == len(found.maps)


@pytest.mark.parametrize("extra", range(0, 256, 8))
def test_safetensors_are_known_whatever_the_length_of_their_header(tmp_path, extra):
    """The first byte of the file is the low byte of that length, and may be that of a pickle."""
    from safetensors.numpy import save_file

    save_file({"y": np.ones((2, 3), np.float32)}, tmp_path / "a.safetensors", metadata={"note": "x" * extra})
    assert read_array(tmp_path / "a.safetensors").shape == (2, 3)
