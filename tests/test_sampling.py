"""How to look: one record, checked where it is made."""

import dataclasses

import numpy as np
import pytest

from glimpsecli import GlimpseError, Sampling


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sampler": "cubic"}, "unknown sampler 'cubic'.*hard, bilinear, gaussian"),
        ({"border": "wrap", "sampler": "hard"}, "unknown border 'wrap'.*zeros, constant, edge, reflect"),
        ({"border": "edge"}, "border 'edge' with the Gaussian sampler"),
        ({"backend": "fpga"}, "unknown backend 'fpga'.*auto, numpy, cpu, cuda"),
        ({"blur": 0}, "blur is 0"),
        ({"blur": float("nan")}, "blur is nan"),
        ({"blur": "wide"}, "blur is 'wide'"),
        ({"sampler": "hard", "border": "constant"}, "needs a colour"),
        ({"sampler": "hard", "fill": 3}, "fill 3 with the border zeros"),
        ({"sampler": "hard", "border": "constant", "fill": [[1, 2]]}, "is no colour"),
        ({"sampler": "hard", "border": "constant", "fill": float("inf")}, "is no colour"),
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
