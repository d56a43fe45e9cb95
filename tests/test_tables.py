import io
import json
from pathlib import Path

import pytest

from glimpsecli import GlimpseError, Window, cli
from glimpsecli.annotations.boxes import Length
from glimpsecli.annotations.reading import read_annotations
from glimpsecli.annotations.tables import read_windows
from glimpsecli.errors import InvalidInputError


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


DIALECTS = [
    ("image;x;y;width;height\na.png;1,5;2;3;4,25\n", "utf-8"),
    ("image;x;y;width;height\na.png;1.5;2;3;4.25\n", "utf-8-sig"),
    ('"image";"x";"y";"width";"height"\r\n"a.png";"1,5";"2";"3";"4,25"\r\n', "utf-8-sig"),
    ("sep=;\r\nimage;x;y;width;height\r\na.png;1,5;2;3;4,25\r\n", "utf-8"),
    ("image\tx\ty\twidth\theight\na.png\t1.5\t2\t3\t4.25\n", "utf-16"),
    ("note\timage\tx\ty\twidth\theight\n\ta.png\t1.5\t2\t3\t4.25\n", "utf-8"),
    ("\n\nimage,x,y,width,height\na.png,1.5,2,3,4.25\n", "utf-32"),
    ('image,x,y,width,height,label\na.png,1.5,2,3,4.25,"a;b;c"\n', "utf-16"),
    ("image;label;x;y;width;height\na.png;1,5;1.5;2;3;4.25\n", "utf-8"),
]


@pytest.mark.parametrize(("text", "encoding"), DIALECTS)
def test_dialects_of_csv_in_windows_and_annotations(tmp_path, text, encoding):
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode(encoding))
    (box,) = read_windows(str(path))
    assert (box.to_window((9, 9)), box.image) == (Window(3, 4.125, 3, 4.25), "a.png")
    found = read_annotations(str(path))
    assert found.problems == []
    assert found.images["a.png"].boxes[0].to_window((9, 9)) == Window(3, 4.125, 3, 4.25)
    path.rename(tmp_path / "a.tsv")
    assert read_annotations(str(tmp_path / "a.tsv")).file_format == "csv"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a.png,1,2,3,4\n", "the first line is no header, it holds '1'; .*width"),
        ("a.png;1,5;2;3;4\n", "the first line is no header, it holds '1,5'"),
        ("1\t2\t3\t4\n", "the first line is no header, it holds '1'"),
        ("image;x;y;width;height\na.png;1,5;2;3.25;4\n", "decimal comma, '1,5', and with a decimal point, '3.25'"),
        (
            "image,x,y,width,height\n".encode("utf-16-le"),
            "holds NUL characters: .*UTF-16 without a mark; save as UTF-8",
        ),
        ("image,x,y,width,height\n".encode("utf-16")[:-1], "is not UTF-8 text"),
        ("image,x,y,width,height\ncaf\u00e9.png,1,2,3,4\n".encode("latin-1"), "is not UTF-8 text"),
        ("image,x,y,width,height,x\na.png,1,2,3,4,5\n", "x is there twice"),
    ],
)
def test_what_a_table_is_not_is_said(tmp_path, content, words):
    path = tmp_path / "a.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    for read in (read_windows, read_annotations):
        with pytest.raises(InvalidInputError, match=words) as caught:
            read(str(path))
        assert (str(path) in str(caught.value), "\n" in str(caught.value)) == (True, False)


@pytest.mark.parametrize(
    "row", ["a.png;1.234,5;2;3;4", "a.png;1,2,3;2;3;4", "a.png,1,2,3,4", "a.png;1;2;3", "a.png;1;2;3;4;5"]
)
def test_a_cell_that_can_mean_two_numbers_is_never_read(tmp_path, row):
    path = table(tmp_path, f"image;x;y;width;height\n{row}\n")
    with pytest.raises(InvalidInputError, match="line 2"):
        read_windows(path)
    with pytest.raises(InvalidInputError, match="line 2"):
        read_annotations(path)


def test_decimal_commas_need_another_separator(tmp_path):
    rows = [("image", "x", "y", "width", "height"), ("a.png", '"1,5"', "2", "3", "4")]
    with pytest.raises(InvalidInputError, match="'1,5'"):
        read_windows(table(tmp_path, "\n".join(",".join(row) for row in rows)))
    (box,) = read_windows(table(tmp_path, "\n".join("\t".join(row) for row in rows)))
    assert box.x.value == 1.5


@pytest.mark.parametrize("text", ["12", "-3.5", "+.5", "1e2", " 7 "])
def test_lengths_are_pixels(text):
    assert Length.parse(text).pixels(200) == float(text)


@pytest.mark.parametrize("text", ["", "px", "1,2", "--3", "0x10", "1_000", "%", "nan", "inf%"])
def test_lengths_that_are_none(text):
    with pytest.raises(GlimpseError, match="number"):
        Length.parse(text)


def test_lost_rows_are_left_out_and_told(tmp_path, capfd):
    path = table(tmp_path, "x,y,width,height,state\n10,20,30,40,found\n0,0,9,9,lost\n1,2,3,4,doubtful\n")
    assert [box.x.value for box in read_windows(path)] == [10, 1]
    photo = str(Path(__file__).parent.parent / "sample_images" / "chelsea.png")
    assert cli.run(["extract", photo, "--windows", path, "-o", str(tmp_path / "seen") + "/", "--size", "8"]) == 0
    assert f"1 of 3 rows of {path} are lost, and left out" in capfd.readouterr().err
    assert len(list((tmp_path / "seen").iterdir())) == 2
    with pytest.raises(InvalidInputError, match="only lost rows"):
        read_windows(table(tmp_path, "x,y,width,height,state\n10,20,30,40,lost\n", "lost.csv"))
