"""`glimpse extract` from end to end: files in, files out, words and exit codes."""

import io
import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glimpsecli import Affine, GaussianParams, Window, cli, extract
from glimpsecli.attention import gaussian


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch, samples):
    """A fresh folder with two photos, where every test works."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(samples / "chelsea.png", "cat.png")
    shutil.copy(samples / "camera.png", "camera.png")
    return tmp_path


@pytest.fixture
def glimpse(capsys):
    """Run the command in this process; give its exit code, and what it printed."""

    def run(line, *more):
        code = cli.run(["extract", *line.split(), *more])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


CAT = "cat.png"


def test_an_upright_box_is_the_crop_bit_for_bit(glimpse):
    for option in ("--box 120,40,200,140", "--box 200x140+120+40", "--at 220,110 --extent 200x140"):
        code, out, err = glimpse(f"{CAT} {option} -o crop.png --overwrite")
        assert (code, out) == (0, "")
        assert err == "glimpse: 1 glimpse written to crop.png\n"
        np.testing.assert_array_equal(pixels("crop.png"), pixels(CAT)[40:180, 120:320])


def test_no_window_is_the_whole_image(glimpse):
    assert glimpse(f"{CAT} -o whole.png")[0] == 0
    np.testing.assert_array_equal(pixels("whole.png"), pixels(CAT))
    for offset in ("+-5-3", "-5-3", "+-5+-3"):
        assert glimpse(f"{CAT} --box 20x30{offset} -o beyond.png --overwrite")[0] == 0
        np.testing.assert_array_equal(pixels("beyond.png")[3:, 5:], pixels(CAT)[:27, :15])


def test_percentages_zoom_angle_context_and_square_shape_the_window(glimpse):
    cases = {
        "--box 10%,20%,50%,25%": Window.from_box(45.1, 60, 225.5, 75),
        "--at 50%,36% --zoom 4": Window(225.5, 108, 451 / 4, 75),
        "--at 50%,36% --extent 10%x30 --angle 15": Window(225.5, 108, 45.1, 30, 15),
        "--box 100,100,40,20 --context 1.5": Window(120, 110, 60, 30),
        "--box 100,100,40,20 --square --angle 30": Window(120, 110, 40, 40, 30),
    }
    for option, window in cases.items():
        code, out, _ = glimpse(f"{CAT} {option} --sampler bilinear --size 20x10 -o w.png --json --overwrite")
        assert code == 0
        shown = json.loads(out)["window"]
        assert list(shown.values()) == pytest.approx([window.cx, window.cy, window.width, window.height, window.angle])
        expected = extract(pixels(CAT), window, (10, 20), sampler="bilinear")
        assert np.abs(pixels("w.png") - expected).max() <= 0.501


def test_turned_and_sheared_windows_with_a_size_are_averaged(glimpse):
    cases = {
        "--at 200,120 --extent 120x90 --angle 30": Window(200, 120, 120, 90, 30),
        "--theta 0.5,0.1,0,-0.2,0.4,0.1": Affine.from_theta([0.5, 0.1, 0, -0.2, 0.4, 0.1], (300, 451), (9, 12)),
    }
    for option, place in cases.items():
        code, out, _ = glimpse(f"{CAT} {option} --size 12x9 -o t.png --json --overwrite")
        row = json.loads(out)
        assert (code, row["sampler"], row["gaussian"], np.shape(row["matrix"])) == (0, "gaussian", None, (2, 3))
        assert np.abs(pixels("t.png") - extract(pixels(CAT), place, (9, 12))).max() <= 0.501
    assert json.loads(glimpse(f"{CAT} --box 9,9,50,50 --angle 30 -o own.png --json")[1])["sampler"] == "bilinear"


def test_the_size_is_exact_or_the_longer_side_or_the_windows_own(glimpse):
    for option, size in (
        ("--size 30x50", (30, 50)), ("--size 50", (50, 25)), ("", (200, 100)), ("--size 50 --square", (50, 50)),
    ):  # fmt: skip
        glimpse(f"{CAT} --box 10.5,20.5,200.2,99.8 {option} -o s.png --overwrite")
        assert pixels("s.png").shape[1::-1] == size


def test_the_articles_and_draws_numbers_reach_the_definition(glimpse):
    image = pixels("camera.png")
    code, out, _ = glimpse("camera.png --gaussian 100,4,8,180,3,7.5 --size 30x20 -o g.npy --depth float --json")
    assert code == 0
    shown = json.loads(out)
    assert shown["gaussian"] == {"u_y": 100, "s_y": 4, "d_y": 8, "u_x": 180, "s_x": 3, "d_x": 7.5, "gain": 1}
    expected = gaussian.glimpse(image, (100, 4, 8, 180, 3, 7.5, 1), (20, 30)) / 255
    np.testing.assert_allclose(np.load("g.npy")[..., 0], expected, atol=1e-6)

    assert glimpse("camera.png --draw 0.1,-0.2,2,-1.5,0 --size 16 -o d.npy --depth float")[0] == 0
    params = GaussianParams.from_draw(0.1, -0.2, 2, -1.5, 0, (16, 16), image.shape)
    np.testing.assert_allclose(np.load("d.npy")[..., 0], gaussian.glimpse(image, params, (16, 16)) / 255, atol=1e-6)

    # A percentage of a Gaussian's centre is on the image plane: 50% is the middle.
    _, out, _ = glimpse("camera.png --gaussian 50%,1%,0,50%,1%,0 --size 1 -o p.npy --json")
    assert json.loads(out)["gaussian"]["u_y"] == 255.5
    assert json.loads(out)["gaussian"]["s_x"] == 5.12


def test_theta_reaches_the_spatial_transformer(glimpse):
    image = pixels(CAT)
    for option, align in (("", False), ("--align-corners", True)):
        assert (
            glimpse(f"{CAT} --theta 0.5,0.1,0.4,-0.2 {option} --size 40x30 --sampler bilinear -o t{align}.png")[0] == 0
        )
        place = Affine.from_theta([0.5, 0.1, 0.4, -0.2], image.shape[:2], (30, 40), align)
        expected = extract(image, place, (30, 40), sampler="bilinear")
        assert np.abs(pixels(f"t{align}.png") - expected).max() <= 0.501
    # Six numbers flip and shear; without a size a pixel stands for about a pixel.
    assert glimpse(f"{CAT} --theta -1,0,0,0,1,0 -o flip.png")[0] == 0
    np.testing.assert_array_equal(pixels("flip.png"), image[:, ::-1])


def test_a_retina_looks_ever_wider_at_one_size(glimpse):
    code, out, _ = glimpse(f"{CAT} --at 225,110 --extent 32x24 --retina 3 --size 16x12 -o r/ --name s{{scale}} --json")
    shown = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [row["file"] for row in shown] == ["r/s1.png", "r/s2.png", "r/s4.png"]
    assert [row["window"]["width"] for row in shown] == [32, 64, 128]
    assert {tuple(row["size"].values()) for row in shown} == {(16, 12)}


def test_a_table_gives_windows_labels_and_their_images(glimpse):
    with open("boxes.csv", "w") as file:
        file.write(
            "x,y,width,height,label,image\n10,10,20,20,ear,cat.png\n50,60,20,30,eye/left,cat\n1,2,3,4,,camera.png\n"
        )
    code, out, _ = glimpse(
        f"{CAT} camera.png --windows boxes.csv -o t --name {{label}}/{{stem}}_{{index}} --format png --json"
    )
    assert code == 2  # no folder t, and several glimpses
    code, out, err = glimpse(f"{CAT} camera.png --windows boxes.csv -o t/ --name {{stem}}_{{index}}{{label}} --json")
    assert code == 0, err
    files = [json.loads(line)["file"] for line in out.splitlines()]
    assert files == ["t/cat_0ear.png", "t/cat_1eye_left.png", "t/camera_0.png"]
    np.testing.assert_array_equal(pixels("t/cat_1eye_left.png"), pixels(CAT)[60:90, 50:70])
    code, _, err = glimpse("camera.png --windows boxes.csv -o u/")
    assert (code, "'cat.png' is not among the images" in err) == (2, True)


def test_json_tells_everything_once_for_each_glimpse(glimpse):
    code, out, err = glimpse(f"{CAT} --box -50,0,100,80 --size 10x8 -o j.png --json")
    assert (code, err) == (0, "")
    shown = json.loads(out)
    assert shown["file"] == "j.png"
    assert shown["source"] == "cat.png"
    assert shown["size"] == {"width": 10, "height": 8}
    assert shown["sampler"] == "gaussian"
    assert shown["backend"] == "numpy"
    assert shown["outside"] == 0.5
    np.testing.assert_allclose(shown["matrix"], [[10, 0, -45.5], [0, 10, 4.5]])


def test_an_npz_holds_all_glimpses_with_their_windows(glimpse):
    assert glimpse(f"{CAT} --box 0,0,8,6 --box 10,20,8,6 -o all.npz")[0] == 0
    with np.load("all.npz") as held:
        assert held["glimpses"].shape == (2, 6, 8, 3)
        assert held["glimpses"].dtype == np.uint8
        np.testing.assert_array_equal(held["windows"], [[4, 3, 8, 6, 0], [14, 23, 8, 6, 0]])
        assert held["matrices"].shape == (2, 2, 3)
        assert held["sources"].tolist() == ["cat.png", "cat.png"]
    assert glimpse(f"{CAT} camera.png -o mixed.npz")[0] == 0
    with np.load("mixed.npz") as held:
        assert held["glimpse_0001"].shape == (512, 512, 1)


def test_one_bad_image_does_not_stop_the_others_but_an_npz_is_whole_or_not_there(glimpse):
    with open(CAT, "rb") as cat, open("torn.png", "wb") as torn:
        torn.write(cat.read()[:20000])
    code, out, err = glimpse(f"{CAT} torn.png camera.png --size 8 -o out/ --json")
    assert code == 1
    assert [json.loads(line)["source"] for line in out.splitlines()] == [CAT, "camera.png"]
    assert err.count("\n") == 1
    assert "torn.png" in err
    assert sorted(os.listdir("out")) == ["camera_000.png", "cat_000.png"]
    code, _, err = glimpse(f"{CAT} torn.png -o all.npz")
    assert code == 1
    assert "all.npz is not written" in err
    assert not os.path.exists("all.npz")


def test_backends_agree_and_verbose_says_which_and_why(glimpse):
    glimpses = {}
    for backend in ("numpy", "cpu"):
        _, _, err = glimpse(
            f"{CAT} --at 50%,50% --zoom 2 --size 33 --backend {backend} -o {backend}.npy --depth float -v"
        )
        assert f"gaussian on {backend}: asked for" in err
        glimpses[backend] = np.load(f"{backend}.npy")
    assert np.abs(glimpses["numpy"] - glimpses["cpu"]).max() <= 2e-6
    _, _, err = glimpse(f"{CAT} --size 33 -o auto.png -v")
    assert "on numpy: about" in err
    Image.fromarray(np.zeros((3000, 4000, 3), np.uint8)).save("big.png", compress_level=1)
    _, _, err = glimpse("big.png --size 800x600 -o auto2.png -v")
    assert "on cpu: about" in err


def test_depth_follows_the_input_unless_given(glimpse):
    deep = np.random.default_rng(0).integers(0, 65536, (40, 50), dtype=np.uint16)
    Image.fromarray(deep).save("deep.png")
    assert glimpse("deep.png -o same.png")[0] == 0
    np.testing.assert_array_equal(pixels("same.png"), deep)
    assert glimpse("deep.png -o eight.png --depth 8")[0] == 0
    np.testing.assert_array_equal(pixels("eight.png"), np.rint(deep / 257).astype(np.uint8))
    assert glimpse("camera.png -o float.tiff --depth float")[0] == 0
    assert glimpse("float.tiff -o back.png --depth 8")[0] == 0
    np.testing.assert_array_equal(pixels("back.png"), pixels("camera.png"))
    code, _, err = glimpse("float.tiff -o back16.jpg")
    assert code == 2
    assert "JPEG cannot hold float; tiff, npy and npz can" in err
    assert glimpse("deep.png -o deep.jpg")[0] == 2


def test_clipping_is_reported(glimpse):
    code, _, err = glimpse("camera.png --draw 0,0,2,0,1 --size 8 -o bright.png")
    assert code == 0
    assert "of 64 values were clipped" in err
    assert glimpse("camera.png --draw 0,0,2,0,1 --size 8 -o bright2.png -q")[2] == ""


def test_alpha_needs_a_fill_to_become_a_jpeg(glimpse):
    rgba = np.zeros((20, 20, 4), np.uint8)
    rgba[:, 10:] = [0, 0, 255, 255]
    Image.fromarray(rgba).save("half.png")
    code, _, err = glimpse("half.png -o half.jpg")
    assert code == 2
    assert "--fill" in err
    assert glimpse("half.png -o half.jpg --fill red --quality 100")[0] == 0
    left, right = pixels("half.jpg")[10, 3], pixels("half.jpg")[10, 16]
    assert left.tolist() == pytest.approx([254, 0, 0], abs=3)
    assert right.tolist() == pytest.approx([0, 0, 254], abs=3)


def test_borders_and_fill(glimpse):
    for option, value in (("--border constant --fill 7", 7), ("--border constant --fill #0a0a0a", 10), ("", 0)):
        assert glimpse(f"camera.png --box -20,0,10,10 {option} -o b.png --overwrite")[0] == 0
        assert (pixels("b.png") == value).all()
    assert glimpse("camera.png --box -20,0,10,10 --border edge -o b.png --overwrite")[0] == 0
    np.testing.assert_array_equal(pixels("b.png")[:, 0], pixels("camera.png")[:10, 0])


def test_standard_input_and_output(folder):
    data = (folder / CAT).read_bytes()
    command = [sys.executable, "-m", "glimpsecli", "extract", "-", "--box", "5,6,7,8", "-o", "-", "--format", "png"]
    done = subprocess.run(command, input=data, capture_output=True, check=True)
    np.testing.assert_array_equal(pixels(io.BytesIO(done.stdout)), pixels(CAT)[6:14, 5:12])
    assert done.stderr == b""


def test_dry_run_shows_the_names_and_writes_nothing(glimpse):
    before = sorted(os.listdir())
    code, out, _ = glimpse(f"{CAT} camera.png --at 9,9 --zoom 9 --retina 2 -o new/ --dry-run")
    assert code == 0
    assert out.splitlines()[1] == "cat.png -> new/cat_001.png (50x33, gaussian)"
    assert sorted(os.listdir()) == before
    code, out, _ = glimpse(f"{CAT} --box 10%,0,20,30 -o new.png --dry-run --json")
    assert json.loads(out)["window"]["cx"] == pytest.approx(55.1)
    assert json.loads(out)["backend"] is None
    assert sorted(os.listdir()) == before


def test_nothing_is_overwritten_unless_asked_and_an_input_never(glimpse):
    assert glimpse(f"{CAT} --size 9 -o out.png")[0] == 0
    first = Path("out.png").read_bytes()
    code, _, err = glimpse(f"{CAT} --size 5 -o out.png")
    assert (code, err) == (2, "glimpse: error: out.png exists; give --overwrite to replace it\n")
    assert Path("out.png").read_bytes() == first
    assert glimpse(f"{CAT} --size 5 -o out.png --overwrite")[0] == 0
    os.symlink(CAT, "link.png")
    os.link(CAT, "hard.png")
    for target in (CAT, "./cat.png", "link.png", "hard.png"):
        code, _, err = glimpse(f"{CAT} --size 5 -o {target} --overwrite")
        assert code == 2
        assert "is the input cat.png" in err


def test_an_image_that_the_table_passes_over_is_still_an_input(glimpse):
    Path("boxes.csv").write_text("x,y,width,height,image\n1,2,3,4,cat.png\n")
    before = Path("camera.png").read_bytes()
    code, _, err = glimpse(f"{CAT} camera.png --windows boxes.csv -o camera.png --overwrite")
    assert (code, "is the input camera.png" in err) == (2, True)
    assert Path("camera.png").read_bytes() == before


def test_sizes_that_follow_from_the_image_are_judged_by_the_image(glimpse):
    Image.fromarray(np.zeros((20, 20), np.uint8)).save("small.png")
    assert glimpse("small.png --at 50%,50% --zoom 0.05 -o wide.png")[0] == 0
    assert pixels("wide.png").shape == (400, 400)
    code, _, err = glimpse("small.png --context 1000 -o wider.png")
    assert (code, err.count("\n")) == (2, 1)
    assert "20000x20000" in err


def test_names_may_make_folders_and_an_empty_part_is_filled(glimpse):
    Path("boxes.jsonl").write_text(
        '{"x":1,"y":2,"width":3,"height":4,"label":"\\ud800a\u2028/b"}\n{"x":1,"y":2,"width":3,"height":4}'
    )
    code, out, err = glimpse(f"{CAT} --windows boxes.jsonl -o n/ --name {{label}}/{{index}} --json")
    assert (code, err) == (0, "")
    assert [json.loads(line)["file"] for line in out.splitlines()] == ["n/_a\u2028_b/0.png", "n/_/1.png"]
    assert json.loads(out.splitlines()[0])["label"] == "\ud800a\u2028/b"


def test_a_file_name_that_is_no_text_is_no_obstacle(glimpse, folder):
    name = os.fsdecode(b"caf\xe9.png")
    shutil.copy(CAT, name)
    code, out, _ = glimpse("--size 8 -o t/ --json", name)
    assert code == 0
    assert json.loads(out)["source"] == name
    assert os.listdir(b"t") == [b"caf\xe9_000.png"]
    for more in (["--dry-run"], ["--json"]):
        command = [sys.executable, "-m", "glimpsecli", "extract", name, "-o", "u.png", "--overwrite", *more]
        done = subprocess.run(command, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"})
        assert (done.returncode, done.stderr) == (0, b"")


def test_the_table_is_an_input_too(glimpse):
    Path("table.png").write_text("x,y,width,height\n1,2,3,4\n")
    code, _, err = glimpse(f"{CAT} --windows table.png -o table.png --overwrite")
    assert (code, "is the input table.png" in err) == (2, True)


def test_a_format_may_be_given_in_place_of_a_suffix(glimpse):
    assert glimpse(f"{CAT} --size 5 -o plain --format png")[0] == 0
    assert pixels("plain").shape == (3, 5, 3)


def test_a_folder_stands_in_the_way(glimpse):
    os.makedirs("n/cat_000.png")
    code, _, err = glimpse(f"{CAT} --size 5 -o n/")
    assert (code, "n/cat_000.png is a folder" in err) == (2, True)


def test_special_files_are_written_directly(glimpse, folder):
    assert glimpse(f"{CAT} --size 5 -o /dev/null --format png")[0] == 0
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    os.mkfifo("pipe")
    received = []
    reader = threading.Thread(target=lambda: received.append((folder / "pipe").read_bytes()))
    reader.start()
    assert glimpse(f"{CAT} --size 5x4 -o pipe --format png")[0] == 0
    reader.join()
    assert Image.open(io.BytesIO(received[0])).size == (5, 4)


def test_a_colour_profile_and_nothing_else_of_the_metadata_is_kept(glimpse):
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112] = 6  # stored turned by a quarter
    exif[0x010F] = "Maker"
    Image.fromarray(pixels(CAT)).save("turned.jpg", exif=exif, icc_profile=profile)
    assert glimpse("turned.jpg -o upright.jpg")[0] == 0
    with Image.open("upright.jpg") as upright:
        assert upright.size == (300, 451)
        assert upright.info["icc_profile"] == profile
        assert not upright.getexif()


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        (f"{CAT} --box 0,0,nan,9 -o x.png", 2, "'nan' is not a finite number"),
        (f"{CAT} --box 0,0,inf,9 -o x.png", 2, "'inf'"),
        (f"{CAT} --box 0,0,0,9 -o x.png", 2, "0x9"),
        (f"{CAT} --box 0,0,-4,9 -o x.png", 2, "-4x9"),
        (f"{CAT} --box 0,0,9 -o x.png", 2, "'0,0,9' is 3 numbers"),
        (f"{CAT} --box 9 -o x.png", 2, "'9' is 1 number"),
        (f"{CAT} --box 5e9,0,9,9 -o x.png", 2, "1e+09"),
        (f"{CAT} --at 5,5 -o x.png", 2, "--extent"),
        (f"{CAT} --at 5,5 --zoom 0 -o x.png", 2, "--zoom 0 is not"),
        (f"{CAT} --at 5,5 --zoom 2 --angle nan --sampler hard -o x.png", 2, "the angle nan"),
        (f"{CAT} --box 10x10+5 -o x.png", 2, "not a geometry"),
        (f"{CAT} --gaussian 1,1,1,1,1,1 --size 5 --blur 1 -o x.png", 2, "--blur 1"),
        (f"{CAT} --backend numpy --threads 2 -o x.png", 2, "--threads 2"),
        (f"{CAT} -o x/ --name {{index:0300d}}", 2, "too long"),
        (f"{CAT} --draw 0,0,0,0,100 --size 5 -o x.png", 2, "gain 2.68"),
        (f"{CAT} --at 5,5 --zoom -3 -o x.png", 2, "-3"),
        (f"{CAT} --zoom 3 -o x.png", 2, "--zoom belongs to --at"),
        (f"{CAT} --box 0,0,9,9 --at 5,5 --zoom 2 -o x.png", 2, "--box and --at"),
        (f"{CAT} --theta 1,0,1 -o x.png", 2, "3 numbers"),
        (f"{CAT} --theta 1,0,1,nan -o x.png", 2, "finite"),
        (f"{CAT} --align-corners -o x.png", 2, "--theta"),
        (f"{CAT} --gaussian 1,0,1,1,1,1 --size 5 -o x.png", 2, "has the sigma 0"),
        (f"{CAT} --gaussian 1,1,1,1,-2,1 --size 5 -o x.png", 2, "has the sigma -2"),
        (f"{CAT} --gaussian 1,1,1,1,1,1 -o x.png", 2, "--size"),
        (f"{CAT} --gaussian 1,1,1,1,1,1 --size 5 --square -o x.png", 2, "--square"),
        (f"{CAT} --draw 0,0,0,0 --size 5 -o x.png", 2, "4 numbers"),
        (f"{CAT} --draw 0,0,9999,0,0 --size 5 -o x.png", 2, "log_variance"),
        (f"{CAT} --size 0x5 -o x.png", 2, "0x5"),
        (f"{CAT} --size -5 -o x.png", 2, "'-5'"),
        (f"{CAT} --size 90000x90000 -o x.png", 2, "megapixels"),
        (f"{CAT} --blur 0 --size 5 -o x.png", 2, "blur is 0"),
        (f"{CAT} --context 0 -o x.png", 2, "--context 0"),
        (f"{CAT} --size 5 --border edges -o x.png", 2, "edges"),
        (f"{CAT} --border constant -o x.png", 2, "--fill"),
        (f"{CAT} --border constant --fill orangey -o x.png", 2, "'orangey' is not a colour"),
        (f"{CAT} --border constant --fill 1,2 -o x.png", 2, "3 channels"),
        (f"{CAT} --fill red -o x.png", 2, "--fill"),
        (f"{CAT} --size 5 --sampler cubic -o x.png", 2, "cubic"),
        (f"{CAT} --size 5 --backend cuda -o x.png", 3, "CUDA"),
        (f"{CAT} --size 5 --backend cpu --threads 0 -o x.png", 2, "0"),
        (f"{CAT} --size {'9' * 5000} -o x.png", 2, "is not a size"),
        (f"{CAT} --blur 2 -o x.png", 2, "--blur 2 with the bilinear sampler"),
        (f"{CAT} -o x.png --quality 50", 2, "--quality 50 with PNG"),
        (f"{CAT} -o x.jpg --compress 5", 2, "--compress 5 with JPEG"),
        (f"{CAT} --at 5,5 --extent 5,5 -o x.png", 2, "WxH"),
        (f"{CAT} --windows none.csv -o x.png", 2, "none.csv"),
        (". -o x.png", 2, "is a folder"),
        ("missing.png -o x.png", 2, "missing.png"),
        ("text.png -o x.png", 1, "text.png"),
        ("empty.png -o x.png", 1, "empty.png"),
        (f"{CAT} -o x.bmp", 2, ".bmp"),
        (f"{CAT} -o x", 2, "suffix"),
        (f"{CAT} -o x.png --format jpg", 2, "--format jpg"),
        (f"{CAT} -o -", 2, "--format"),
        (f"{CAT} -o - --format png --json", 2, "standard output"),
        ("- --windows - -o x.png", 2, "standard input"),
        ("- - -o x/", 2, "twice"),
        (f"{CAT} --box 0,0,9,9 --box 1,1,9,9 -o x.png", 2, "2 glimpses do not fit into one PNG"),
        (f"{CAT} -o x.png --name {{stem}}", 2, "--name"),
        (f"{CAT} -o x/ --name {{stem}}{{colour}}", 2, "{colour}"),
        (f"{CAT} -o x/ --name ../{{stem}}", 2, "out of the output folder"),
        (f"{CAT} -o x/ --name {{stem", 2, "no template"),
        (f"{CAT} -o x/ --name {{stem.__class__}}", 2, "unknown field"),
        (f"{CAT} -o x/ --name {{index:{{stem}}}}", 2, "field in a field"),
        (f"{CAT} -o x/ --name {{index:c}}", 2, "out of the output folder"),
        (f"{CAT} -o x/ --name /{{stem}}", 2, "relative"),
        (f"{CAT} --box 0,0,9,9 --box 1,1,9,9 -o x/ --name {{stem}}", 2, "two glimpses of cat.png"),
        (f"{CAT} ./cat.png -o x/", 2, "both cat.png and ./cat.png"),
        (f"{CAT} -o text.png/x.png", 2, "text.png"),
        (f"{CAT} -o x.png --depth float", 2, "PNG cannot hold float"),
        (f"{CAT} -o x.jpg --quality 101", 2, "101"),
        (f"{CAT} --frame 3 -o x.png", 2, "no frame 3"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(glimpse, line, code, words):
    with open("text.png", "w") as text, open("empty.png", "w"):
        text.write("not an image")
    before = sorted(os.listdir())
    found, out, err = glimpse(line)
    assert words in err
    assert err.count("\n") == 1, err
    assert (found, out) == (code, "")
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize(("refused", "code"), [("", 2), ("x.png", 1)])
def test_an_unwritable_target_is_found_before_work_or_fails(glimpse, monkeypatch, refused, code):
    """A folder without write permission is known beforehand; a file that cannot be made there only then."""
    opening = os.open

    def refuse(path, *arguments, **keywords):
        if refused in str(path):
            raise PermissionError(13, "Permission denied")
        return opening(path, *arguments, **keywords)

    monkeypatch.setattr("os.open", refuse)
    found, _, err = glimpse(f"{CAT} --size 5 -o x.png")
    monkeypatch.undo()
    assert found == code
    assert "x.png" in err
    assert "permission denied" in err.lower()
    assert not os.path.exists("x.png")
