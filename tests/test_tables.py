import io
import json

import pytest

from glimpsecli import GlimpseError, Window
from glimpsecli.annotations.boxes import Length
from glimpsecli.annotations.tables import read_windows


def table(tmp_path, text, name="windows.csv"):
    path = tmp_path / name
    path.write_text(text)
    return str(path)


def test_csv_with_corners_or_centres(tmp_path):
    corners = read_windows(table(tmp_path, "x,y,width,height\n10,20,30,40\n0,0,50%,25%\n"))
    assert [box.to_window((100, 200)) for box in corners] == [Window(25, 40, 30, 40), Window(50, 12.5, 100, 25)]
    centres = read_windows(
        table(tmp_path, "label, cx, cy, width, height, angle, image\ncat, 10, 20, 30, 40, -15, a.png\n")
    )
    assert centres[0].to_window((100, 200)) == Window(10, 20, 30, 40, -15)
    assert (centres[0].label, centres[0].image) == ("cat", "a.png")


def test_json_lines_say_the_same(tmp_path):
    rows = [
        {"x": 10, "y": 20, "width": 30, "height": 40, "label": "cat"},
        {"cx": "50%", "cy": 1.5, "width": 2, "height": 3},
    ]
    boxes = read_windows(table(tmp_path, "\n".join(map(json.dumps, rows)) + "\n\n", "windows.txt"))
    assert boxes[0].to_window((9, 9)) == Window(25, 40, 30, 40)
    assert boxes[0].label == "cat"
    assert boxes[1].to_window((9, 8)) == Window(4, 1.5, 2, 3)


def test_a_byte_order_mark_blank_lines_and_other_columns_do_no_harm(tmp_path):
    path = tmp_path / "windows.csv"
    path.write_bytes(b"\xef\xbb\xbfX, Y,Width,height,score,Angle\r\n1,2,3,4,0.9,30\r\n\r\n,,,,\r\n")
    assert [box.angle for box in read_windows(str(path))] == [30]


def test_standard_input(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"x,y,width,height\n1,2,3,4\n")))
    assert read_windows("-")[0].to_window((9, 9)) == Window(2.5, 4, 3, 4)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "columns are none"),
        ("x,y,width,height\n", "no windows"),
        ("x,y,w,h\n1,2,3,4\n", "columns are x, y, w, h"),
        ("x,y,width,height\n1,2,3,4\n1,2,three,4\n", "line 3: width: 'three'"),
        ("x,y,width,height\n1,2,,4\n", "width is missing"),
        ("x,y,width,height\n1,2,0,4\n", "0x4"),
        ("x,y,width,height\n1,2,nan,4\n", "not a finite number"),
        ("x,y,width,height,angle\n1,2,3,4,5%\n", "degrees"),
        ('x,y,width,height,label\n0,0,4,4,"a\n1,1,4,4,b\n', "unexpected end of data"),
        ("x,y,width,height\n1,2,3,4,5\n", "more values"),
        ("x,x,y,width,height\n1,1,2,3,4\n", "x is there twice"),
        ("x,y,cx,cy,width,height\n1,2,9,9,3,4\n", "both x,y and cx,cy"),
        ('{"x": 1, "y": 2, "width": 3}\n', "columns are x, y, width"),
        ('{"x": ' + "[" * 100_000 + "]" * 100_000 + "}", "line 1 is not JSON"),
        ('{"x": 1\n', "line 1 is not JSON"),
        ('{"x": 1, "y": 2, "width": 3, "height": 4}\n[1]\n', "line 2 is not an object"),
    ],
)
def test_a_bad_table_is_named_with_its_line(tmp_path, text, words):
    path = table(tmp_path, text)
    with pytest.raises(GlimpseError, match=words) as caught:
        read_windows(path)
    assert path in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_or_binary_table(tmp_path):
    with pytest.raises(GlimpseError, match="No such file"):
        read_windows(str(tmp_path / "none.csv"))
    (tmp_path / "photo.csv").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(GlimpseError, match="not UTF-8"):
        read_windows(str(tmp_path / "photo.csv"))


@pytest.mark.parametrize("text", ["12", "-3.5", "+.5", "1e2", " 7 "])
def test_lengths_are_pixels(text):
    assert Length.parse(text).pixels(200) == float(text)


@pytest.mark.parametrize("text", ["", "px", "1,2", "--3", "0x10", "1_000", "%", "nan", "inf%"])
def test_lengths_that_are_none(text):
    with pytest.raises(GlimpseError, match="number"):
        Length.parse(text)
