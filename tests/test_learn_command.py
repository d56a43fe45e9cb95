"""`glimpse learn` and `glimpse look`: files, resuming, and models of strangers."""

import json
import pickle
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from glimpsecli.errors import InvalidInputError
from glimpsecli.images import read, write
from glimpsecli.networks.scenes import Scenes
from glimpsecli.networks.schedule import Schedule
from glimpsecli.networks.sources import scenes_source
from glimpsecli.networks.specification import Specification

pytestmark = pytest.mark.extras

torch = pytest.importorskip("torch", reason="torch is not installed")
safetensors = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")
from glimpsecli.networks.answering import pixels  # noqa: E402
from glimpsecli.networks.files import Origin, load_model, save_checkpoint  # noqa: E402
from glimpsecli.networks.filming import film_names  # noqa: E402
from glimpsecli.networks.training import Training  # noqa: E402

QUICK = "learn --canvas 16 --size 6 --steps 6 --check-every 3 --checked 30 -o"


@pytest.fixture(autouse=True)
def in_folder(tmp_path, monkeypatch):
    threads = torch.get_num_threads()
    monkeypatch.chdir(tmp_path)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def model(glimpse):
    """A model of three glimpses at 16x16, hardly trained, with windows that differ."""
    code, _, err = glimpse(f"{QUICK} model.safetensors --glimpses 3 --rate 0.05 --overwrite -q")
    assert code in (0, 1), err
    return load_model("model.safetensors")


def lines(path):
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


def without_times(path):
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines(path)]


def scene(path="scene.png", index=3, canvas=16):
    image = Scenes(canvas, (6.0, 9.0), 2, 3).batch(5, index, 1).images[0]
    write(path, image)
    return image


def test_a_model_its_figures_and_its_film_are_written(glimpse):
    code, out, err = glimpse(f"{QUICK} model.safetensors --film film.gif")
    verdict, _, rest = out.partition(": ")
    assert verdict in ("lost", "partly", "learned")
    assert code == (verdict == "lost")
    assert "; accuracy " in rest
    assert "step 6: accuracy" in err
    assert "with digits that it never saw" in err
    found = lines("model.jsonl")
    assert [line["step"] for line in found] == [0, 3, 6]
    assert {"loss", "accuracy", "error", "found", "window", "seconds"} <= found[0].keys()
    stored = load_model("model.safetensors")
    assert (stored.step, stored.classes[:2]) == (6, ("0", "1"))
    assert stored.figures["accuracy"] == found[-1]["accuracy"]
    assert not any(name.startswith(("m.", "v.")) for name in stored.tensors)
    assert read("film.gif", frame=2).pixels.shape[0] > 200


def test_files_are_not_replaced_unasked_and_a_finished_model_is_only_reported(glimpse):
    first = glimpse(f"{QUICK} model.safetensors -q --json")
    assert {"verdict", "reason", "accuracy", "references", "held_out"} < json.loads(first[1]).keys()
    before = Path("model.safetensors").read_bytes()
    code, _, err = glimpse(f"{QUICK} model.safetensors -q")
    assert (code, err.count("\n")) == (2, 1)
    assert "--resume" in err
    again = glimpse(f"{QUICK} model.safetensors -q --json --resume")
    assert (again[0], json.loads(again[1])) == (first[0], json.loads(first[1]))
    code, _, err = glimpse(f"{QUICK} model.safetensors -q --resume --seed 4")
    assert (code, err.count("\n")) == (2, 1)
    assert "seed 0, not 4" in err
    code, _, err = glimpse(f"{QUICK} model.safetensors -q --resume --blur 0.7")
    assert "blur 0.5, not 0.7" in err
    assert Path("model.safetensors").read_bytes() == before


def test_a_training_that_was_killed_goes_on_to_the_same_bytes(glimpse):
    line = "learn --canvas 16 --size 6 --steps 40 --check-every 4 --checked 30 -q -o"
    assert glimpse(f"{line} whole.safetensors")[0] in (0, 1)
    command = [sys.executable, "-m", "glimpsecli", *line.split(), "killed.safetensors"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        until = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < until:
            try:
                if lines("killed.jsonl")[-1]["step"] >= 12:
                    break
            except (OSError, ValueError, IndexError):
                pass
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert load_model("killed.safetensors").step < 40
    assert glimpse(f"{line} killed.safetensors --resume")[0] in (0, 1)
    assert Path("killed.safetensors").read_bytes() == Path("whole.safetensors").read_bytes()
    assert without_times("killed.jsonl") == without_times("whole.jsonl")


def test_with_q_the_verdict_is_all_that_is_said(glimpse):
    code, out, err = glimpse(f"{QUICK} model.safetensors --film film.gif -q")
    assert (code, out.count("\n"), err) == (out.startswith("lost: "), 1, "")


def test_numbers_of_16_bits_take_half_the_space(glimpse):
    glimpse(f"{QUICK} whole.safetensors -q")
    glimpse(f"{QUICK} half.safetensors -q --half")
    whole, half = (Path(f"{name}.safetensors").read_bytes() for name in ("whole", "half"))
    assert len(half) < 0.55 * len(whole)
    first = glimpse(f"{QUICK} later.safetensors -q")
    for option in ("--half", "--half", ""):
        assert glimpse(f"{QUICK} later.safetensors -q --resume {option}") == first
        assert Path("later.safetensors").read_bytes() == half
    scene()
    answers = [json.loads(glimpse(f"look {name}.safetensors scene.png --json -q")[1]) for name in ("whole", "half")]
    for name, chance in answers[0]["classes"].items():
        assert answers[1]["classes"][name] == pytest.approx(chance, abs=2e-3)


def test_the_windows_of_a_model_are_those_that_extract_takes(glimpse, model):
    image = scene()
    code, out, err = glimpse("look model.safetensors scene.png -o where.csv --json --glimpses seen/ --overlay over.png")
    assert (code, err) == (0, "")
    answer = json.loads(out)
    with torch.inference_mode():
        seen = model.model(pixels(image[None]))
        glimpses = model.model.glimpses(pixels(image[None]), seen.windows)[0, :, 0].numpy()
    boxes = [[one[name] for name in ("x", "y", "width", "height")] for one in answer["windows"]]
    expected = seen.windows[0].numpy()
    expected = np.concatenate([expected[:, :2] - expected[:, 2:4] / 2, expected[:, 2:4]], axis=1)
    np.testing.assert_allclose(boxes, expected, atol=1e-4)
    assert answer["label"] == model.classes[int(seen.classes[0, -1].argmax())]
    assert sum(answer["classes"].values()) == pytest.approx(1, abs=1e-4)
    code, _, err = glimpse("extract scene.png --windows where.csv --size 6 -o cut/ --format npy --depth float -q")
    assert code == 0, err
    for number, glimpsed in enumerate(glimpses):
        cut = np.load(f"cut/scene_{number:03d}.npy")
        assert np.abs(cut.squeeze() - glimpsed).max() < 2e-6
        np.testing.assert_allclose(read(f"seen/scene_{number + 1}.png").pixels[..., 0] / 255, glimpsed, atol=0.51 / 255)
    assert read("over.png").pixels.shape == (320, 320, 3)


def test_a_picture_of_another_size_is_fitted_and_its_windows_lie_on_it(glimpse, model, samples):
    code, out, err = glimpse(f"look model.safetensors {samples}/coffee.png --mask mask.png --json")
    assert code == 0
    assert "fitted onto the canvas of the model: 1 of 1 image\n" in err
    answer = json.loads(out)
    assert answer["fitted"]
    first = answer["windows"][0]  # of the whole canvas: 16x11 of its pixels are the picture's
    assert (first["x"], first["width"]) == (0, 600)
    assert first["height"] == pytest.approx(16 / 11 * 400)
    assert read("mask.png").pixels.ndim == 3


def test_a_damaged_picture_fails_alone(glimpse, model):
    scene("a.png"), scene("c.png", 4)
    Path("b.png").write_bytes(b"no picture")
    code, out, err = glimpse("look model.safetensors a.png b.png c.png -q -o where.csv")
    assert code == 1
    assert [line.partition(":")[0] for line in out.splitlines()] == ["a.png", "c.png"]
    assert err.count("\n") == 1
    assert "b.png" in err
    assert Path("where.csv").read_text().count("\n") == 7


def test_the_model_among_the_samples_finds_the_digit_of_the_scene(glimpse, samples):
    model, image = samples / "scenes.safetensors", samples / "scene.npy"
    code, out, err = glimpse(f"look {model} {image} --json")
    assert (code, err) == (0, "")
    answer = json.loads(out)
    truth = Scenes().held_out()["faces"].batch(19, 196, 1)
    np.testing.assert_array_equal(truth.images[0], np.load(image))
    assert answer["label"] == str(truth.labels[0])
    (window,) = answer["windows"]
    centre = [window["x"] + window["width"] / 2, window["y"] + window["height"] / 2]
    assert np.abs(truth.windows[0, :2] - centre).max() < 2
    assert model.stat().st_size < 300_000
    stored = load_model(str(model))  # made by `glimpse learn --seed 0 --half`
    assert stored.settings["seed"] == 0
    assert stored.model.specification == Specification()
    assert Schedule.from_dict(stored.settings["schedule"]) == Schedule()
    assert stored.settings["source"] == json.loads(json.dumps(scenes_source(40)[1]))
    figures = stored.figures
    assert figures["verdict"] == "learned"
    between = figures["references"]
    shares = [figures["accuracy"], figures["found"], figures["held_out"]["faces"]["accuracy"]]
    shares += [between["ceiling"], between["floor"]]
    text = " ".join((ROOT / "glimpsecli/commands/topics/networks.md").read_text(encoding="utf-8").split())
    said = re.search(r"to say which it is: (.*?) An oracle .*? to \d+ %\.", text).group()
    assert re.findall(r"\d+ %", said) == [f"{100 * share:.0f} %" for share in shares]


def changed(change):
    """Give the bytes of the model with another configuration, or other tensors."""
    content = Path("model.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    settings = json.loads(header["__metadata__"]["glimpsecli.model"])
    tensors = safetensors.load(content)
    change(settings, tensors)
    return safetensors.save(tensors, {"glimpsecli.model": json.dumps(settings)})


def of_settings(**values):
    return lambda settings, tensors: settings["specification"].update(values)


def with_nan(settings, tensors):
    tensors["network.classes.weight"][0, 0] = float("nan")


def with_other_shape(settings, tensors):
    tensors["network.classes.weight"] = torch.zeros(3, 3)


def with_integers(settings, tensors):
    tensors["network.classes.bias"] = torch.zeros(10, dtype=torch.int64)


def without_one(settings, tensors):
    del tensors["network.classes.bias"]


HOSTILE = {
    "canvas": of_settings(canvas=10**9),
    "glimpses": of_settings(glimpses=10**6),
    "oracle": of_settings(sampler="oracle"),
    "sampler": of_settings(sampler="__import__('os')"),
    "escapes": lambda settings, tensors: settings.update(classes=["\x1b[2J"] * 10),
    "names": lambda settings, tensors: settings.update(classes=["1"]),
    "list": lambda settings, tensors: settings.update(specification=[1]),
    "step": lambda settings, tensors: settings.update(step="many"),
    "number": of_settings(extent=10**400),
    "long number": of_settings(canvas=10**4000),
    "long word": of_settings(sampler="x" * 10**6),
    "field": lambda settings, tensors: settings["specification"].update({"y" * 10**6: 1}),
    "version": lambda settings, tensors: settings.update(version=9),
    "figures": lambda settings, tensors: settings["figures"].update(accuracy="x"),
    "verdict": lambda settings, tensors: settings["figures"].update(verdict="\x1b[31mhacked\nline"),
    "references": lambda settings, tensors: settings["figures"].update(references={"floor": 1}),
    "held out": lambda settings, tensors: settings["figures"].update(held_out=5),
    "nan": with_nan,
    "shape": with_other_shape,
    "integers": with_integers,
    "missing": without_one,
}


def test_models_of_strangers_are_refused_in_one_line(glimpse, model, samples):
    whole = Path("model.safetensors").read_bytes()
    files = {name: changed(change) for name, change in HOSTILE.items()}
    files |= {
        "empty": b"", "noise": bytes(range(256)) * 9, "half": whole[: len(whole) // 2], "head": whole[:60],
        "pickle": pickle.dumps({"weights": [1.0]}), "foreign": safetensors.save({"weight": torch.zeros(3)}),
        "bomb": (40_000_008).to_bytes(8, "little") + b'{"a":[' + b"[]," * 13_333_333 + b"0]}" + b"    ",
        "long": (2**60).to_bytes(8, "little") + whole[8:], "photo": (samples / "chelsea.png").read_bytes(),
    }  # fmt: skip
    scene()
    for name, content in files.items():
        Path(f"{name}.safetensors").write_bytes(content)
        code, out, err = glimpse(f"look {name}.safetensors scene.png")
        assert (code, out, err.count("\n")) == (2, "", 1), (name, code, err)
        assert err.startswith("glimpse: error: "), name
        assert "\x1b" not in err
        assert len(err) < 400
    for path in ("nothing.safetensors", str(samples), "/dev/zero"):
        code, _, err = glimpse(f"look {path} scene.png")
        assert (code, err.count("\n")) == (2, 1), (path, err)


def without_a_moment(settings, tensors):
    del tensors["v.network.classes.bias"]


def with_a_short_moment(settings, tensors):
    tensors["m.network.classes.weight"] = torch.zeros(3)


def with_a_half_moment(settings, tensors):
    tensors["m.network.classes.weight"] = tensors["m.network.classes.weight"].half()


def with_a_negative_moment(settings, tensors):
    tensors["v.network.classes.bias"] -= 1


def without_moments(settings, tensors):
    for name in [name for name in tensors if name[:2] in ("m.", "v.")]:
        del tensors[name]


@pytest.mark.parametrize(
    "change",
    [
        without_a_moment, with_a_short_moment, with_a_half_moment, with_a_negative_moment, without_moments,
        lambda settings, tensors: settings.update(step=30),
    ],
)  # fmt: skip
def test_a_checkpoint_of_a_stranger_is_not_gone_on_with(glimpse, change):
    settings, _ = scenes_source(16)
    origin = Origin(
        Specification(canvas=16, size=6, glimpses=2), Schedule(steps=6, every=3, checked=30), 0, settings.classes, {}
    )
    training = Training(origin.specification, settings, origin.schedule, 0)
    for _ in zip(range(2), training.run(), strict=False):
        pass
    save_checkpoint("model.safetensors", training, origin)
    whole = load_model("model.safetensors")
    Training(origin.specification, settings, origin.schedule, 0).restore(whole.tensors, whole.step)
    Path("model.safetensors").write_bytes(changed(change))
    stored = load_model("model.safetensors")
    again = Training(origin.specification, settings, origin.schedule, 0)
    with pytest.raises(InvalidInputError, match="no checkpoint of this training"):
        again.restore(stored.tensors, stored.step)


def test_outputs_of_look_are_checked_before_it_looks(glimpse, model):
    scene()
    shutil.copy("scene.png", "other.png")
    Path("films").mkdir()
    Path("films/one.mp4").write_bytes(b"")
    for line, word in (
        ("scene.png -o where.txt", ".csv"),
        ("scene.png --overlay scene.png --overwrite", "input"),
        ("scene.png --overlay over.npz", ".npz"),
        ("scene.png other.png --overlay over.png", "folder"),
        ("scene.png nothing.png", "nothing.png"),
        ("films", "holds 1 .mp4; `glimpse extract --frames` makes images of a video"),
        ("scene.png -o nowhere/where.csv", "nowhere"),
    ):
        code, out, err = glimpse(f"look model.safetensors {line}")
        assert (code, out, err.count("\n")) == (2, "", 1), (line, err)
        assert word in err
    code, out, _ = glimpse("look model.safetensors *.png -q")
    assert (code, out.count("\n")) == (0, 2)


def test_other_digits_are_checked_on_those_that_are_for_testing(tmp_path):
    from glimpsecli.networks.learning import Task

    glyphs = Scenes(16, (6.0, 9.0), 2, 3)._split
    origin = Origin(Specification(canvas=16), Schedule(), 0, glyphs.classes, {})
    assert Task("m", origin, Scenes(16, (6.0, 9.0), 2, 3, glyphs=glyphs)).held_out.faces == "held-out"
    assert Task("m", origin, Scenes(16, (6.0, 9.0), 2, 3)).held_out.faces == "train"


def folder_of(**classes):
    random = np.random.default_rng(1)
    for name, (height, width) in classes.items():
        Path("folder", name).mkdir(parents=True)
        for number in range(24):
            image = random.integers(0, 30, (20, 24, 3)).astype(np.uint8)
            y, x = random.integers(0, 20 - height), random.integers(0, 24 - width)
            image[y : y + height, x : x + width] = (250, 200, 40)
            write(f"folder/{name}/{number}.png", image)


def test_a_class_that_the_font_cannot_write_has_its_number_in_the_film(glimpse):
    folder_of(flat=(3, 9), 猫=(9, 3))
    line = "learn folder --canvas 24 --steps 2 --checked 10 -o mine.safetensors"
    _, _, err = glimpse(f"{line} --film film.gif")
    (note,) = (line for line in err.splitlines() if "font" in line)
    assert note == "glimpse: the font lacks letters of classes, which have numbers in film.gif: 1 for 猫"
    assert film_names(("flat", "猫", "naïve")) == ["flat", "class 1", "naïve"]
    assert "font" not in glimpse(f"{line} --resume")[2]


def test_images_of_a_folder_are_learned(glimpse):
    folder_of(flat=(3, 9), tall=(9, 3))
    code, out, err = glimpse("learn folder --colour --canvas 24 --steps 30 --checked 60 -o mine.safetensors -q --json")
    assert code in (0, 1), err
    found = json.loads(out)
    assert found["found"] is None
    assert found["references"]["floor_name"] == "the commonest class"
    stored = load_model("mine.safetensors")
    assert stored.classes == ("flat", "tall")
    assert stored.model.specification.channels == 3
    assert glimpse("look mine.safetensors folder/tall/3.png -q")[1].split(": ")[1].split(" ")[0] in stored.classes
    write("folder/tall/3.png", np.zeros((20, 24, 3), np.uint8), overwrite=True)
    code, _, err = glimpse("learn folder --colour --canvas 24 --steps 30 --checked 60 -o mine.safetensors -q --resume")
    assert (code, err.count("\n")) == (2, 1)
    assert "images" in err


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("learn -o model.pt", ".safetensors"),
        ("learn --start wide -o m.safetensors", "wide"),
        ("learn --sampler hard --free position,scale -o m.safetensors", "hard"),
        ("learn --colour -o m.safetensors", "FOLDER"),
        ("learn nowhere -o m.safetensors", "nowhere"),
        ("learn --data nothing.npz -o m.safetensors", "nothing.npz"),
        ("learn --film film.txt -o m.safetensors", "film.txt"),
        ("learn --rate -1 -o m.safetensors", "rate -1; give a number from 0, below 1000"),
        ("learn --rate 1e9 -o m.safetensors", "rate 1e+09; give a number from 0, below 1000"),
        ("learn --extent 0 -o m.safetensors", "--extent"),
        ("learn --extent nan -o m.safetensors", "nan"),
        ("learn -o nowhere/m.safetensors", "nowhere"),
        ("learn --resume --overwrite -o m.safetensors", "--resume"),
    ],
)
def test_what_cannot_be_learned_is_refused_in_one_line(glimpse, line, word):
    code, out, err = glimpse(line)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert word in err
