"""Map files of any size and any text: headers are checked before memory is taken, and values are not copied twice."""

import io
import json
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
from numpy.lib import format as npy_format
from PIL import Image

from glimpsecli import cli
from glimpsecli.errors import FileProblemError, InvalidInputError
from glimpsecli.maps import Rect, measure, read_array

MIB = 1 << 20


def peak_of(action):
    """Return what an action gives or raises, and the bytes that were allocated at most meanwhile."""
    tracemalloc.start()
    try:
        found = action()
    except (InvalidInputError, FileProblemError) as error:
        found = error
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found, peak


def npy_header(shape, dtype):
    stream = io.BytesIO()
    npy_format.write_array_header_1_0(
        stream, {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": tuple(shape)}
    )
    return stream.getvalue()


def write_bomb(path, shape, dtype=np.float32):
    """Write an .npz of zeros without compressing them all: a block of a MiB, again and again."""
    header = npy_header(shape, dtype)
    total = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = packer.compress(header) + packer.flush(zlib.Z_FULL_FLUSH)
    data += (packer.compress(bytes(MIB)) + packer.flush(zlib.Z_FULL_FLUSH)) * (total // MIB)
    data += packer.compress(bytes(total % MIB)) + packer.flush()
    name, size = b"arr_0.npy", len(header) + total
    facts = struct.pack("<HHHHHLLLHH", 20, 0, 8, 0, 33, 0, len(data), size, len(name), 0)
    local = b"PK\x03\x04" + facts + name
    central = b"PK\x01\x02" + struct.pack("<H", 20) + facts + struct.pack("<HHHLL", 0, 0, 0, 0, 0) + name
    end = b"PK\x05\x06" + struct.pack("<HHHHLLH", 0, 0, 1, 1, len(central), len(local) + len(data), 0)
    path.write_bytes(local + data + central + end)


def write_tensor(path, shape, dtype, size):
    """Write a safetensors file that is a hole but for its header."""
    text = json.dumps({"a": {"dtype": dtype, "shape": shape, "data_offsets": [0, size]}}).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + size)


def write_npy(path, shape, dtype):
    """Write an .npy file that is a hole but for its header."""
    with open(path, "wb") as file:
        file.write(npy_header(shape, dtype))
        file.truncate(file.tell() + int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize)


def test_a_zip_bomb_is_refused_by_its_header(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (30, 20)).save("photo.png")
    write_bomb(tmp_path / "bomb.npz", (15000, 25000))
    assert (tmp_path / "bomb.npz").stat().st_size < 3 * MIB
    code, peak = peak_of(lambda: cli.run(["overlay", "photo.png", "--map", "bomb.npz", "-o", "out.png"]))
    message = capsys.readouterr().err
    assert (code, message.count("\n"), peak < 30 * MIB) == (2, 1, True), (code, message, peak)
    assert "bomb.npz, arr_0 claims 1.5 GB of values in" in message
    assert "numpy.save" in message
    assert not (tmp_path / "out.png").exists()


def test_a_small_array_may_shrink_as_far_as_it_likes(tmp_path):
    np.savez_compressed(tmp_path / "zeros.npz", np.zeros((2000, 3000), np.float32))
    assert read_array(tmp_path / "zeros.npz").shape == (2000, 3000)


@pytest.mark.parametrize("dtype", [np.float16, np.float64, bool, np.int16, np.int64])
def test_what_takes_too_much_memory_is_refused_by_its_header(tmp_path, dtype):
    """The limit counts what the values take when they are read, not in the file."""
    shape = (600_000_000,) if np.dtype(dtype).itemsize < 4 else (20_000, 20_000)
    write_npy(tmp_path / "a.npy", shape, dtype)
    found, peak = peak_of(lambda: read_array(tmp_path / "a.npy"))
    assert isinstance(found, InvalidInputError)
    assert f"holds {np.prod(shape)} values of shape {shape}, which take" in str(found)
    assert "the limit is 2.1 GB; save fewer layers or heads" in str(found)
    assert peak < MIB


def test_safetensors_and_text_have_limits_too(tmp_path, monkeypatch):
    write_tensor(tmp_path / "a.safetensors", [600_000_000], "F16", 1_200_000_000)
    found, peak = peak_of(lambda: read_array(tmp_path / "a.safetensors"))
    assert "holds 600000000 values of shape (600000000,)" in str(found)
    assert peak < 2 * MIB
    write_tensor(tmp_path / "b.safetensors", [2**40], "F32", 64)
    assert isinstance(peak_of(lambda: read_array(tmp_path / "b.safetensors"))[0], InvalidInputError)
    write_tensor(tmp_path / "b.safetensors", [9], "F32", 64)
    assert isinstance(peak_of(lambda: read_array(tmp_path / "b.safetensors"))[0], FileProblemError)
    with open(tmp_path / "c.csv", "wb") as file:
        file.truncate(70_000_000)
    found, peak = peak_of(lambda: read_array(tmp_path / "c.csv"))
    assert "c.csv is a text of 70 MB; the limit is 67 MB; save the array with numpy.save" in str(found)
    assert peak < MIB


def test_the_attention_of_a_large_model_is_within_the_limit(monkeypatch, tmp_path):
    """24 layers of 16 heads over 1025 tokens: the reading goes on to the values, which are missing here."""
    (tmp_path / "a.npy").write_bytes(npy_header((24, 16, 1025, 1025), np.float32))
    with pytest.raises(FileProblemError, match="truncated"):
        read_array(tmp_path / "a.npy")
    from glimpsecli.maps.raw import check_shape

    assert check_shape((24, 16, 1025, 1025), np.float32, "a") == 24 * 16 * 1025**2


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        (name, dtype)
        for name in ("a.npy", "a.npz", "a.safetensors")
        for dtype in ("f2", "f4", ">f4", "f8", "?", "u1", "i4", "i8")
        if (name, dtype) != ("a.safetensors", ">f4")  # which that format does not have
    ],
)
def test_beside_the_array_little_memory_is_taken(tmp_path, name, dtype):
    values = np.ones((1500, 1500), dtype)
    if name == "a.npy":
        np.save(tmp_path / name, values)
    elif name == "a.npz":
        np.savez_compressed(tmp_path / name, values)
    else:
        from safetensors.numpy import save_file

        save_file({"a": values}, tmp_path / name)
    found, peak = peak_of(lambda: read_array(tmp_path / name))
    np.testing.assert_array_equal(found, values)
    if name == "a.safetensors":  # the package gives a copy of its input
        assert peak < max(2 * values.nbytes, values.nbytes + found.nbytes) + 2 * MIB
    else:
        assert peak < found.nbytes + 7 * MIB


def test_a_large_map_is_measured_in_parts():
    grid_map = np.ones((4000, 4000), np.float32)
    grid_map[7, 9], grid_map[5, 5] = 3, np.nan
    found, peak = peak_of(lambda: measure(grid_map, Rect(0, 0, 80, 40), (40, 40), 0, 3, [Rect(0, 0, 20, 40)]))
    assert found["mean"] == pytest.approx(1 + 2 / (16e6 - 1))
    assert found["relative_entropy"] == pytest.approx(1, abs=1e-5)
    assert (found["outside"], found["mass"]) == (pytest.approx(0.5, abs=1e-5), [pytest.approx(0.25, abs=1e-5)])
    assert peak < 2 * grid_map.nbytes


# --- text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("separator", [",", ";", "\t", " ", ",\t", ", "])
def test_encodings_and_separators(tmp_path, encoding, separator):
    text = f"# größe\r\n1{separator}2.5\r\n\r\n-3e2{separator}nan\r\n"
    (tmp_path / "a.csv").write_bytes(text.encode(encoding))
    np.testing.assert_array_equal(read_array(tmp_path / "a.csv"), [[1, 2.5], [-300, np.nan]])


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le"])
def test_an_encoding_without_a_mark_is_named(tmp_path, encoding):
    (tmp_path / "a.csv").write_bytes("1,2\n".encode(encoding))
    with pytest.raises(InvalidInputError, match=r"may be UTF-16 without a byte order mark; save it as UTF-8"):
        read_array(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"0,5;0,3\n", "line 1: '0,5' has a decimal comma; write numbers with a point, as 0.5"),
        (b"0,5\t0,3\n", "line 1: '0,5' has a decimal comma"),
        (b"0,5 0,3\n", "line 1: '0,5' has a decimal comma"),
        (b"-1;0,5\n", "line 1: '0,5' has a decimal comma"),
        (b"# w\na,b\n1,2\n", "line 2: 'a' is not a number, nor is any other of the line; leave a line of names out"),
        (b"1,2\n3;4\n", "line 2 has 1 numbers"),
        (b"1,2\n# gr\xf6\xdfe\n", "is not UTF-8 text; save it as UTF-8"),
        ("1,2".encode("utf-16")[:-1], "is not UTF-16 text; save it as UTF-8"),
    ],
)
def test_text_that_is_no_grid_says_what_it_is(tmp_path, content, words):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(InvalidInputError, match=words):
        read_array(tmp_path / "a.csv")


def test_a_mapless_archive_is_no_bomb(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", b"\x93NUMPY")
    with pytest.raises(FileProblemError):
        read_array(tmp_path / "a.npz")
