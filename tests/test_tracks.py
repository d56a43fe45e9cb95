import json
from fractions import Fraction

import numpy as np
import pytest

from glimpsecli import Window
from glimpsecli.annotations.keyframes import easings_of, places_of, read_keyframes
from glimpsecli.annotations.tables import read_windows
from glimpsecli.annotations.tracks import choose, read_tracks
from glimpsecli.errors import InvalidInputError

TRACK = (
    "frame,time,id,x,y,width,height,angle,zncc,second,spread_x,spread_y,state,reason\n"
    "17,0.68,11,101,20,40,20,0,0.9,0.1,0.1,0.1,found,\n"
    "16,0.64,11,100,20,40,20,0,0.9,0.1,0.1,0.1,found,\n"
    '18,0.72,11,500,20,40,20,0,0.2,0.1,0.1,0.1,lost,"hidden, perhaps"\n'
    "16,0.64,7,10,20,4,2,30,0.9,0.1,0.1,0.1,doubtful,\n"
    "20,0.80,11,104,20,40,20,0,0.9,0.1,0.1,0.1,found,\n"
)
MOT = "1,3,1,1,10,20,1,1,0.5\n2,3,2.5,1,10,20,1,1,0.5\n1,4,11,21,5,5,1,1,1\n"


def table(tmp_path, text, name="tracks.csv"):
    path = tmp_path / name
    path.write_text(text)
    return str(path)


def test_rows_name_their_frame_and_an_id_stands_in_for_a_label(tmp_path):
    boxes = read_windows(
        table(tmp_path, "frame,id,label,x,y,width,height\n4,7,,1,2,3,4\n5.0,8,cat,1,2,3,4\n,,,1,2,3,4\n")
    )
    assert [(box.frame, box.label) for box in boxes] == [(4, "7"), (5, "cat"), (None, None)]
    rows = [{"frame": 0, "id": 3, "cx": 1, "cy": 2, "width": 3, "height": 4}]
    (box,) = read_windows(table(tmp_path, "\n".join(map(json.dumps, rows))))
    assert (box.frame, box.label) == (0, "3")


@pytest.mark.parametrize("frame", ["-1", "1.5", "a", "1e3", "nan"])
def test_a_frame_is_a_whole_number_from_0(tmp_path, frame):
    with pytest.raises(InvalidInputError, match=r"line 3: frame: .* is not the number of a frame"):
        read_windows(table(tmp_path, f"frame,x,y,width,height\n0,1,2,3,4\n{frame},1,2,3,4\n"))


def test_mot_counts_frames_and_pixels_from_1(tmp_path):
    boxes = read_windows(table(tmp_path, MOT, "gt.txt"))
    assert [box.frame for box in boxes] == [0, 1, 0]
    assert [box.label for box in boxes] == ["3", "3", "4"]
    assert boxes[1].to_window((99, 99)) == Window.from_box(1.5, 0, 10, 20)
    detections = read_windows(table(tmp_path, "1,-1,3,4,5,6,0.9,-1,-1,-1\n", "det.txt"))
    assert (detections[0].label, detections[0].frame) == (None, 0)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("0,3,1,1,10,20,1,1,1", "line 2: frame 0"),
        ("1.5,3,1,1,10,20,1,1,1", "line 2: frame: '1.5' is not a whole number"),
        ("1,a,1,1,10,20,1,1,1", "line 2: id: 'a'"),
        ("1,3,1,1,0,20,1,1,1", "line 2: a box of 0x20"),
        ("1,3,1,1,nan,20,1,1,1", "line 2: 'nan' is not a finite number"),
        ("1,3,1e300,1,1,20,1,1,1", "out of all bounds"),
        ("1,3,1", "line 2: 3 values in a row of MOT"),
    ],
)
def test_a_bad_row_of_mot_is_named(tmp_path, row, words):
    with pytest.raises(InvalidInputError, match=words):
        read_windows(table(tmp_path, f"1,3,1,1,10,20,1,1,1\n{row}\n"))


def test_a_track_is_sorted_and_leaves_lost_rows_out(tmp_path):
    tracks = read_tracks(table(tmp_path, TRACK))
    assert list(tracks) == ["11", "7"]
    track = choose(tracks, "11")
    assert track.frames == (16, 17, 20)
    assert track.times == (Fraction(16, 25), Fraction(17, 25), Fraction(20, 25))
    assert np.array_equal(track.windows((300, 400)), [(120, 30, 40, 20, 0), (121, 30, 40, 20, 0), (124, 30, 40, 20, 0)])
    assert choose(tracks, "7").windows((300, 400)).tolist() == [[12, 21, 4, 2, 30]]


def test_the_tracks_of_mot_have_frames_alone(tmp_path):
    tracks = read_tracks(table(tmp_path, MOT))
    assert {name: (one.frames, one.times) for name, one in tracks.items()} == {"3": ((0, 1), None), "4": ((0,), None)}


def test_rows_without_a_frame_or_a_time_follow_one_another(tmp_path):
    looks = read_tracks(table(tmp_path, "cx,cy,width,height\n10,10,5,5\n5,5,5,5\n50%,5,5,5\n"))
    assert choose(looks, None).frames == (0, 1, 2)
    assert choose(looks, None).windows((100, 200))[:, 0].tolist() == [10, 5, 100]
    timed = choose(read_tracks(table(tmp_path, "time,cx,cy,width,height\n00:00:01.5,1,1,5,5\n.25,2,5,5,5\n")), None)
    assert timed.frames is None
    assert timed.times == (Fraction(1, 4), Fraction(3, 2))


def test_the_choice_of_a_track_must_be_clear(tmp_path):
    tracks = read_tracks(table(tmp_path, TRACK))
    with pytest.raises(InvalidInputError, match="2 tracks: '11', '7'; choose with --id"):
        choose(tracks, None)
    with pytest.raises(InvalidInputError, match=r"--id '8'.*it has '11', '7'"):
        choose(tracks, "8")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("frame,id,x,y,width,height\n3,1,1,1,2,2\n3,1,1,1,2,2\n", "line 3: a second window of id 1 for frame 3"),
        ("time,x,y,width,height\n3,1,1,2,2\n3.0,1,1,2,2\n", "line 3: a second window for 3 s"),
        ("frame,x,y,width,height\n3,1,1,2,2\n,1,1,2,2\n", "line 3: frame is missing"),
        ("frame,time,x,y,width,height\n3,1,1,1,2,2\n4,0.5,1,1,2,2\n", "times do not ascend"),
        ("time,x,y,width,height\n-1,1,1,2,2\n", "line 2: time: '-1'"),
        ("time,x,y,width,height\n9999999999,1,1,2,2\n", "line 2: time: '9999999999'"),
        ("time,x,y,width,height\nsoon,1,1,2,2\n", "line 2: time holds 'soon', which is no time"),
        ("frame,x,y,width,height,state\n3,1,1,2,2,lost\n", "only lost rows"),
    ],
)
def test_a_track_that_is_none_is_refused(tmp_path, text, words):
    with pytest.raises(InvalidInputError, match=words):
        read_tracks(table(tmp_path, text))


def test_long_gaps_are_named(tmp_path):
    track = choose(read_tracks(table(tmp_path, TRACK)), "11")
    assert track.times is not None
    track.check_gaps(track.times, Fraction(1, 2))
    with pytest.raises(InvalidInputError, match=r"id 11 has no window at frames 18 to 19; .*--max-gap 0.1 s"):
        track.check_gaps(track.times, Fraction(1, 10))
    with pytest.raises(InvalidInputError, match="id 11 has no window at frames 18 to 19;"):
        track.check_gaps([Fraction(0), Fraction(9), Fraction(18)], Fraction(1))  # a film of a plant that grows
    timed = choose(read_tracks(table(tmp_path, "time,cx,cy,width,height\n1,1,1,5,5\n9,2,5,5,5\n")), None)
    assert timed.times is not None
    with pytest.raises(InvalidInputError, match="no window at 1 s to 9 s"):
        timed.check_gaps(timed.times, Fraction(1))


def keyframes(tmp_path, text):
    return read_keyframes(table(tmp_path, text, "keys.csv"))


def test_keyframes_in_every_word_for_a_window(tmp_path):
    found = keyframes(
        tmp_path,
        "time;x;y;cx;cy;width;height;zoom;angle;ease;cut\n"
        "00:00:02;;;50%;50%;;;4;-30;;yes\n0;10;20;;;30;40;;;Linear;\n1,5;;;100;50;60;30;;;;0\n",
    )
    assert [one.time for one in found] == [0, Fraction(3, 2), 2]
    assert places_of(found, (100, 200)).tolist() == [[25, 40, 30, 40, 0], [100, 50, 60, 30, 0], [100, 50, 50, 25, -30]]
    assert easings_of(found, "smooth") == ["linear", "hold"]


def test_keyframes_of_frames_and_of_quadrilaterals(tmp_path):
    found = keyframes(tmp_path, "frame,x1,y1,x2,y2,x3,y3,x4,y4\n9,0,0,10,0,10,50%,0,10\n0,0,0,50%,0,100,10,0,10\n")
    assert [(one.frame, one.time) for one in found] == [(0, None), (9, None)]
    assert places_of(found, (40, 200))[0].tolist() == [[0, 0], [100, 0], [100, 10], [0, 10]]
    with pytest.raises(InvalidInputError, match=r"line 2: the quadrilateral .* is not convex"):
        places_of(keyframes(tmp_path, "frame,x1,y1,x2,y2,x3,y3,x4,y4\n9,0,0,10,0,0,10,10,10\n"), (40, 200))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("time,x,y,width,height\n", "no keyframes"),
        ("time,x,y\n1,2,3\n", "the columns are time, x, y"),
        ("cx,cy,zoom\n1,2,3\n", "line 2: neither time nor frame"),
        ("time,frame,cx,cy,zoom\n1,,3,4,5\n,3,3,4,5\n", "line 3: other rows of .* have a time"),
        ("time,cx,cy,zoom\n1,3,4,5\n1.0,3,4,5\n", "line 3: a second keyframe at the time of .*line 2"),
        ("time,cx,cy,zoom\n1,3,4,0\n", "line 2: zoom is 0"),
        ("time,cx,cy,zoom\n1,3,4,50%\n", "line 2: zoom is 50%"),
        ("time,cx,cy,zoom\n1,3,,2\n", "line 2: cy is missing"),
        ("time,cx,cy,zoom,width\n1,3,4,2,8\n", "line 2: zoom and an extent"),
        ("time,cx,cy,zoom,ease\n1,3,4,2,fast\n", "line 2: 'fast' is no easing"),
        ("time,cx,cy,zoom,cut\n1,3,4,2,maybe\n", "line 2: cut: 'maybe'"),
        ("time,cx,cy,zoom\nnoon,3,4,2\n", "line 2: time holds 'noon', which is no time"),
        ("time,cx,cy,zoom\n-1,3,4,2\n", "line 2: time: '-1'"),
        ("frame,cx,cy,zoom\n-2,3,4,2\n", "line 2: frame: '-2'"),
        ("time,cx,cy,zoom,x1,y1,x2,y2,x3,y3,x4,y4\n1,3,4,2\n2,,,,0,0,1,0,1,1,0,1\n", "windows and quadrilaterals"),
    ],
)
def test_keyframes_that_are_none_are_refused(tmp_path, text, words):
    with pytest.raises(InvalidInputError, match=words):
        keyframes(tmp_path, text)
