"""The bench of gradients: what is right, what is refused, and one real run."""

import math
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from fake_contenders import QUICK, bench, clock, digits, fake, measured, miniature

from glimpsecli.bench import cases, gradients, report
from glimpsecli.bench.contenders.base import GRADIENTS, VIEWS, Scene
from glimpsecli.bench.contenders.ours import Cpu, Numpy
from glimpsecli.bench.contenders.torch_peers import GridSample, Matmul
from glimpsecli.bench.results import Results
from glimpsecli.window import Window

pytestmark = pytest.mark.slow

ALL = [name for name, view in VIEWS.items() if view.by]
EVERY = [name for name in ALL if "image" in name]


def error(contender, scene, view):
    contender.prepare(scene, view)
    return gradients.error(contender.gradients(contender.run()), gradients.truth(scene, view, 0), contender)


@pytest.mark.parametrize("number", cases.CASES)
@pytest.mark.parametrize("view", ALL)
def test_our_gradients_pass_in_every_case_in_miniature(number, view, monkeypatch):
    scene = miniature(number, monkeypatch)
    expected = gradients.truth(scene, view, 0)
    for contender in (Numpy(), Cpu()):
        contender.prepare(scene, view)
        by_images, by_numbers = contender.gradients(contender.run())
        assert gradients.error((by_images, by_numbers), expected, contender) < 2e-6
        off = by_numbers + 1e-4 * np.abs(by_numbers).max(axis=0) + 1e-4 * expected.least
        assert gradients.error((by_images, off), expected, contender) > 9e-5
        if by_images is not None:
            assert gradients.error((by_images * 1.001, by_numbers), expected, contender) > 9e-4


@pytest.mark.extras
@pytest.mark.parametrize("view", ALL)
def test_autograd_of_torch_agrees_with_the_definition(view):
    photo = cases.own(str(ROOT / "sample_images/rocket.jpg"), (427, 640), Window(220, 170, 241, 183), (12, 16), count=2)
    for recipe in (digits(3), photo):
        peer = Matmul() if view in GRADIENTS["gaussian"] else GridSample()
        if peer.available() is not None:
            pytest.skip(peer.available())
        assert error(peer, Scene(cases.build(recipe), 1), view) < 1e-3


@pytest.mark.parametrize("view", EVERY)
def test_a_large_case_is_checked_in_part(view, monkeypatch):
    scene = Scene(cases.build(digits(20)), 1)
    assert gradients.truth(scene, view, 0).checked == "all glimpses"
    monkeypatch.setattr(gradients, "HELD", 28 * 28 * 5)
    expected = gradients.truth(scene, view, 0)
    assert expected.checked == "5 of 20 glimpses"
    assert expected.by_images.shape == (5, 28, 28, 1)
    assert error(Cpu(), scene, view) < 2e-6


def test_an_image_that_all_windows_share_is_checked_in_some_rows(monkeypatch):
    window = Window(220, 170, 240, 180)
    recipe = cases.own(str(ROOT / "sample_images/rocket.jpg"), (427, 640), window, (9, 8), count=20)
    scene = Scene(cases.build(recipe), 1)
    monkeypatch.setattr(gradients, "AFFORDABLE", 20 * 3 * 8 * (9 + 640) * 5)
    expected = gradients.truth(scene, "gaussian vjp(image, where)", 0)
    assert expected.checked == "1 of 20 glimpses, 5 of 427 rows of the image"
    contender = Cpu()
    contender.prepare(scene, "gaussian vjp(image, where)")
    by_images, by_numbers = contender.gradients(contender.run())
    assert gradients.error((by_images, by_numbers), expected, contender) < 2e-6
    spoilt = by_images.copy()
    spoilt[0, expected.pixels[1][2], 300] += np.abs(by_images).max()
    assert gradients.error((spoilt, by_numbers), expected, contender) > 0.5


def test_a_wrong_gradient_is_not_timed():
    class Exact(Numpy):
        factor = 1.0

        def run(self):
            clock.now += 0.1
            return super().run()

        def gradients(self, result):
            by_images, by_numbers = super().gradients(result)
            return by_images, by_numbers * self.factor

    class Off(Exact):
        name, factor = "off", 1.001

    class Missing(Exact):
        name, factor = "missing", np.nan

    class Jumping(Exact):
        name, factor, gradient_tolerance = "jumping", 1.5, math.inf

    absent = fake("absent", 0.1, available=lambda self: "it is not installed")  # and has no gradients
    found = measured(Exact(), Off(), Missing(), Jumping(), absent, views=tuple(GRADIENTS["bilinear"]), runs=1)
    assert found.missing == {}
    outcomes = {(one.view, one.contender): one.wrong for one in found.entries}
    for view in GRADIENTS["bilinear"]:
        assert outcomes[view, "glimpse numpy"] is None
        assert outcomes[view, "off"] == "it is off by 1.0e-03 of the largest derivative, 1e-05 is allowed"
        assert outcomes[view, "missing"] == "its result has another shape, or values that are no numbers"
        assert outcomes[view, "jumping"] is None
        cells = report.row_of(found, found.find(view, "jumping"))
        assert (cells[4], cells[6]) == ("(5e-01)", "the same, with derivatives that jump")
    assert {entry.contender for entry in found.entries if entry.samples} == {"glimpse numpy", "jumping"}


def test_what_has_no_gradient_is_refused(capsys, samples):
    for words, reason in (
        (("--case", 5, "--gradients", "--sampler", "bilinear,hard"), "which moves in jumps; leave hard out"),
        (("--stages", samples / "chelsea.png", "--gradients"), "--stages with --gradients"),
    ):
        assert bench(*words) == 2
        said = capsys.readouterr().err
        assert reason in said
        assert said.count("\n") == 1


def test_a_real_run_and_its_exports(tmp_path, samples):
    files = {kind: tmp_path / f"x.{suffix}" for kind, suffix in (("json", "json"), ("markdown", "md"), ("png", "png"))}
    words = [str(word) for kind, path in files.items() for word in (f"--export-{kind}", path)]
    asked = ["bench", "--gradients", "--stride", "1,2", "--size", "8", "--image", samples / "rocket.jpg", *words]
    command = [sys.executable, "-m", "glimpsecli", *asked, "--backend", "cpu", *QUICK]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = Results.from_json(files["json"].read_text(), "x")
    wanted = [*GRADIENTS["gaussian"], *GRADIENTS["bilinear"]]
    assert [entry.view for entry in found.cases[1].entries] == wanted
    assert all(entry.error < 2e-6 for _, entry in found.entries())
    assert "| gaussian vjp(image, where) | glimpse cpu |" in files["markdown"].read_text()
    assert files["png"].stat().st_size > 10_000
