"""How to look, one record that is checked where it is made; and a sampler that is prepared once and called often."""

import copy
import dataclasses
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from glimpsecli import Affine, GlimpseError, Projective, Sampler, Sampling, Window, extract, vjp


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sampler": "cubic"}, "unknown sampler 'cubic'.*hard, bilinear, gaussian"),
        ({"border": "wrap", "sampler": "hard"}, "unknown border 'wrap'.*zeros, constant, edge, reflect"),
        ({"border": "none"}, "unknown border 'none'"),
        ({"backend": "fpga"}, "unknown backend 'fpga'.*auto, numpy, cpu, cuda"),
        ({"blur": 0}, "blur is 0"),
        ({"blur": float("nan")}, "blur is nan"),
        ({"blur": "wide"}, "blur is 'wide'"),
        ({"blur": np.array([0.5, 0.3])}, "blur is array"),
        ({"sampler": "hard", "border": "constant"}, "needs a colour"),
        ({"sampler": "hard", "fill": 3}, "fill 3 with the border zeros"),
        ({"sampler": "hard", "border": "constant", "fill": [[1, 2]]}, "is no colour"),
        ({"sampler": "hard", "border": "constant", "fill": float("inf")}, "is no colour"),
        ({"sampler": "hard", "border": "constant", "fill": []}, "is no colour"),
        (
            {"sampler": "hard", "border": "constant", "fill": np.ma.masked_array([1, 2], [0, 1])},
            "masked values",
        ),
        ({"threads": 0}, "threads is 0"),
        ({"threads": True}, "threads is True"),
        ({"threads": 1.5}, "threads is 1.5"),
    ],
)
def test_a_record_that_cannot_mean_anything_is_not_made(options, words):
    with pytest.raises(GlimpseError, match=words):
        Sampling(**options)


def test_a_record_is_frozen_and_takes_keywords_only():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Sampling().blur = 1.0
    with pytest.raises(TypeError):
        Sampling("hard")
    changed = dataclasses.replace(Sampling(sampler="bilinear"), border="edge")
    assert (changed.sampler, changed.border) == ("bilinear", "edge")


def test_numbers_of_any_kind_become_pythons_own_so_that_equal_records_are_equal():
    one = Sampling(sampler="hard", border="constant", fill=np.array([1, 2, 3], np.uint8), threads=np.int64(2))
    two = Sampling(sampler="hard", border="constant", fill=(1.0, 2.0, 3.0), threads=2)
    assert one == two
    assert hash(one) == hash(two)
    np.testing.assert_array_equal(one.colour(3), np.array([1, 2, 3], np.float32))


def test_a_fill_is_one_number_or_one_for_each_channel():
    grey = Sampling(sampler="hard", border="constant", fill=7)
    assert grey.colour(4).tolist() == [7, 7, 7, 7]
    assert Sampling().colour(2).tolist() == [0, 0]
    with pytest.raises(GlimpseError, match="no colour for 3 channels"):
        dataclasses.replace(grey, fill=[1, 2]).colour(3)


IMAGE = np.random.default_rng(5).integers(0, 256, (40, 50, 3), dtype=np.uint8)
ROTATED = Affine([[0.9, -0.3, 8], [0.3, 0.9, 6]])
PLACES = [Window(20.3, 18.1, 17, 13), [Window(20.3, 18.1, 17, 13), Window(48, 3, 9, 9)], np.empty((0, 5))]
INTERPOLATED = [*PLACES, ROTATED, [ROTATED], Projective([[1, 0.1, 5], [0, 1.2, 4], [1e-3, 0, 1]]), Window(5, 4, 6, 4)]
BACKENDS = ["numpy", "cpu", "auto"]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("sampler", ["gaussian", "bilinear", "hard"])
def test_a_sampler_has_the_bits_of_extract_at_each_call(sampler, backend):
    images = [IMAGE, IMAGE[::-1], IMAGE.astype(np.uint16) * 200, IMAGE / 255, np.asfortranarray(IMAGE), IMAGE[..., 0]]
    for where in PLACES if sampler == "gaussian" else INTERPOLATED:
        how = {"sampler": sampler, "backend": backend}
        for image in images:
            look = Sampler(where, (4, 6), image.shape, Sampling(**how))
            for seen in (image, image.copy(), image):
                expected = extract(image, where, (4, 6), **how)
                found = look(seen)
                assert found.dtype == np.float32
                assert found.shape == expected.shape
                np.testing.assert_array_equal(found, expected)
        look = Sampler(where, (4, 6), IMAGE.shape, Sampling(**how))
        for image in images[:5]:  # one sampler takes every type, in any order
            np.testing.assert_array_equal(look(image), extract(image, where, (4, 6), **how))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_sampler_knows_alpha_borders_and_fills(backend):
    image, where = IMAGE[..., :2], Window(1, 2, 9, 9)
    how = {"sampler": "bilinear", "border": "constant", "fill": [3, 250], "backend": backend}
    for alpha in (False, True):
        look = Sampler(where, (5, 5), image.shape, Sampling(**how), alpha=alpha)
        for _ in range(2):
            np.testing.assert_array_equal(look(image), extract(image, where, (5, 5), alpha=alpha, **how))


@pytest.mark.parametrize("sampler", ["gaussian", "bilinear", "hard"])
def test_a_sampler_pulls_gradients_back_as_vjp_does(sampler):
    for where in [*PLACES[:2], Projective(np.eye(3)), ROTATED][: 2 if sampler == "gaussian" else 4]:
        look = Sampler(where, (4, 6), IMAGE.shape, Sampling(sampler=sampler))
        cotangent = np.random.default_rng(1).standard_normal(look(IMAGE).shape)
        found, expected = look.vjp(IMAGE, cotangent), vjp(IMAGE, where, (4, 6), cotangent, sampler=sampler)
        np.testing.assert_array_equal(found.image, expected.image)
        assert repr(found.where) == repr(expected.where)
        assert look.vjp(IMAGE, cotangent, by="image").where is None


def test_a_sampler_moves_with_what_it_follows():
    look = Sampler(Window(20, 20, 9, 9), (9, 9), IMAGE.shape, Sampling(sampler="bilinear"))
    for x in (20.5, 21.25, 30):
        window = Window(x, 19, 9, 9)
        look = look.moved(window)
        np.testing.assert_array_equal(look(IMAGE), extract(IMAGE, window, (9, 9), sampler="bilinear"))


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_sampler_and_its_record_can_be_copied(again):
    how = Sampling(sampler="bilinear", border="constant", fill=[3, 2, 1], backend="cpu")
    assert again(how) == how
    look = Sampler(ROTATED, (4, 6), IMAGE.shape, how)
    expected = look(IMAGE)
    np.testing.assert_array_equal(again(look)(IMAGE), expected)


def test_threads_may_share_a_sampler():
    look = Sampler(ROTATED, (64, 48), IMAGE.shape, Sampling(sampler="bilinear", backend="cpu", threads=1))
    images = [np.roll(IMAGE, n, axis=1) for n in range(24)]
    expected = [look(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        for one, other in zip(pool.map(look, images * 8), expected * 8, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda look: look(IMAGE[:-1]), r"shape \(39, 50, 3\), and the sampler is for \(40, 50, 3\)"),
        (lambda look: look("cat"), "an image of"),
        (lambda look: look(IMAGE.astype(complex)), "complex"),
        (lambda look: look.vjp(IMAGE, np.ones((2, 2))), "a cotangent of shape"),
        (lambda look: look.vjp(IMAGE, np.ones((4, 4, 3)), by="size"), "by is 'size'"),
        (lambda look: look.moved("there"), "'there'"),
        (lambda look: Sampler(Window(1, 1, 1, 1), (4, 4), (4, 4), "bilinear"), "sampling is 'bilinear'"),
        (lambda look: Sampler(Window(1, 1, 1, 1), (4, 4), (40,)), r"shape \(40,\)"),
        (lambda look: Sampler(Window(1, 1, 1, 1), (4, 4), (-4, 5)), r"shape \(-4, 5\)"),
        (lambda look: Sampler(Window(1, 1, 1, 1), (4, 4), (4.5, 5)), r"shape \(4.5, 5\)"),
        (lambda look: Sampler(Window(1, 1, 1, 1), (4, 4), None), "shape None"),
        (lambda look: Sampler(Window(1, 1, 1, 1), (4, 4), (3, 40, 50)), "channels first"),
        (lambda look: Sampler(Window(1, 1, 1, 1), (4, 4), (4, 4, 4), alpha=True).vjp(IMAGE, 0), "alpha"),
    ],
)
def test_a_sampler_says_what_it_cannot_look_at(call, words):
    with pytest.raises(GlimpseError, match=words):
        call(Sampler(Window(20, 20, 9, 9), (4, 4), IMAGE.shape))
