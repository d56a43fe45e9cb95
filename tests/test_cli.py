"""The manners of the command line: what it loads, its exit codes, its words."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from conftest import ROOT

from glimpsecli import __version__, cli

TOPICS = sorted(path.stem for path in (ROOT / "glimpsecli/commands/topics").iterdir())
HEAVY = {"numpy", "numba", "PIL", "imageio", "tifffile", "tqdm", "pyvips"}


def glimpse(*arguments, cwd=None, **options):
    """Run the command in a process of its own."""
    command = [sys.executable, "-m", "glimpsecli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, cwd=cwd, check=False, **options)


def modules_after(code):
    done = subprocess.run([sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"], capture_output=True)
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in done.stdout.decode().splitlines()[-1].split()}


@pytest.mark.parametrize(
    "arguments", [["--help"], ["-h"], ["extract", "--help"], ["extract", "-h"], ["help", "maps"], ["--version"]]
)
def test_help_loads_click_and_nothing_heavy(arguments):
    loaded = modules_after(f"from glimpsecli.cli import run; assert run({arguments!r}) == 0")
    assert "click" in loaded
    assert not loaded & HEAVY


def test_completion_loads_nothing_heavy_and_knows_commands_and_options():
    for words, expected in (
        ("glimpse ex", "extract"), ("glimpse extract --sampler ", "bilinear"),
        ("glimpse help ma", "maps"), ("glimpse help ma", "mask"),
    ):  # fmt: skip
        code = f"""
import os
os.environ.update(_GLIMPSE_COMPLETE="bash_complete", COMP_WORDS={words!r}, COMP_CWORD="{words.count(" ")}")
from glimpsecli.cli import run
try:
    run([])
except SystemExit:
    pass"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert expected in done.stdout
        assert not modules_after(code) & HEAVY


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_completion_script(shell):
    done = glimpse(env={**os.environ, "_GLIMPSE_COMPLETE": f"{shell}_source"})
    assert b"_GLIMPSE_COMPLETE" in done.stdout


def test_importing_the_package_costs_nothing():
    assert not modules_after("import glimpsecli") & (HEAVY | {"click"})


def test_one_small_glimpse_needs_no_numba(tmp_path, samples):
    code = f"""
from glimpsecli.cli import run
assert run(["extract", {str(samples / "chelsea.png")!r}, "--at", "50%,36%", "--zoom", "3", "--size", "64x64",
            "-o", {str(tmp_path / "cat.png")!r}]) == 0"""
    loaded = modules_after(code)
    assert "numpy" in loaded
    assert not loaded & {"numba", "imageio", "tifffile", "tqdm", "pyvips"}


def test_version_and_the_public_names():
    assert glimpse("--version").stdout.decode() == f"glimpse {__version__}\n"
    import glimpsecli

    for name in glimpsecli.__all__:
        assert getattr(glimpsecli, name) is not None
    assert set(glimpsecli.__all__) <= set(dir(glimpsecli))
    with pytest.raises(AttributeError, match="telescope"):
        _ = glimpsecli.telescope


def test_without_arguments_the_help_is_shown_and_nothing_is_done():
    done = glimpse()
    assert done.returncode == 2
    assert b"Commands:" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["extrat"], "extrat"),
        (["extract"], "IMAGE"),
        (["extract", "a.png"], "--output"),
        (["extract", "a.png", "--colour", "red", "-o", "b.png"], "--colour"),
    ],
)
def test_usage_errors_are_one_line_and_exit_2(arguments, words):
    done = glimpse(*arguments)
    assert done.returncode == 2
    assert done.stdout == b""
    assert words in done.stderr.decode()
    assert done.stderr.decode().count("\n") == 1


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("gradeint", "No such command 'gradeint'. Did you mean gradient?"),
        ("help gradeint", "No such command or topic 'gradeint'. Did you mean gradient?"),
        ("help convention", "No such command or topic 'convention'. Did you mean conventions?"),
        ("help exit code", "No such command or topic 'exit code'. Did you mean exit-codes?"),
        (
            "help zzz",
            f"No such command or topic 'zzz'. Topics are {', '.join(TOPICS)}; `glimpse -h` lists the commands.",
        ),
        ("study trainin", "No such command 'trainin'. Did you mean training?"),
        ("zzz", "No such command 'zzz'. `glimpse -h` lists them."),
        ("help info info", "glimpse info has no command 'info'."),
        ("extract --boxx 1", "Did you mean '--box'?"),
    ],
)
def test_a_misspelt_name_is_answered_with_the_nearest(words, advice, capsys):
    assert cli.run(words.split()) == 2
    said = capsys.readouterr().err
    assert said.startswith("glimpse: error: No such option" if "boxx" in words else f"glimpse: error: {advice}")
    assert advice.replace("'", "") in said.replace("'", "")
    assert said.count("\n") == 1


@pytest.mark.parametrize("words", ["", "extract", "study", "study training", "help"])
def test_help_prints_the_help_page_of_a_command(words, capsys):
    assert cli.run(["help", *words.split()]) == 0
    page = capsys.readouterr().out
    assert cli.run([*words.split(), "--help"]) == 0
    topic = f"\n\n{text_of('study')}" if words == "study" else ""
    assert page == capsys.readouterr().out.rstrip("\n") + topic + "\n"


def text_of(topic):
    return (ROOT / f"glimpsecli/commands/topics/{topic}.md").read_text(encoding="utf-8").rstrip()


def test_help_shows_a_topic_as_it_is_written_and_lists_all(capsys):
    assert {"annotations", "conventions", "exit-codes", "formats", "maps", "speed", "study"} <= set(TOPICS)
    for topic in TOPICS:
        if topic not in cli.COMMANDS:
            assert cli.run(["help", topic]) == 0
            assert capsys.readouterr().out == text_of(topic) + "\n"
    assert cli.run(["help", "exit", "codes"]) == 0
    assert capsys.readouterr().out == text_of("exit-codes") + "\n"
    assert cli.run(["help"]) == 0
    listed = capsys.readouterr().out.split("Topics, ")[1]
    for topic in TOPICS:
        assert f"\n  {topic} " in listed
        assert text_of(topic).partition("\n")[0].removeprefix("# ")[:40] in listed


def test_a_terminal_gets_a_topic_through_its_pager():
    end, other = os.openpty()
    done = subprocess.Popen(
        [sys.executable, "-m", "glimpsecli", "help", "formats"],
        stdin=other, stdout=other, env={**os.environ, "PAGER": "sed s/^/paged:/", "TERM": "xterm"},
    )  # fmt: skip
    os.close(other)
    text = os.read(end, 1 << 16)
    assert done.wait() == 0
    assert text.startswith(b"paged:# ")
    os.close(end)


PAGES = ["", *(name for name in cli.COMMANDS), "study training", "study speed", "study consistency", "study network"]


@pytest.mark.parametrize("words", PAGES)
def test_the_short_page_is_one_screen_and_names_the_long_one(words, capsys):
    assert cli.run([*words.split(), "-h"]) == 0
    short = capsys.readouterr().out
    path = " ".join(["glimpse", *words.split()])
    assert cli.run([*words.split(), "--help"]) == 0
    page = capsys.readouterr().out
    assert short.splitlines()[:3] == page.splitlines()[:3]
    assert short.endswith(f"\n`{path} --help` lists all options.\n")
    assert short.count("\n") <= 42
    examples = short[short.index("\nExamples") :].splitlines()[2:-2]
    assert 1 <= len(examples) <= 3
    assert all(example in page for example in examples)
    assert [line.split()[0] for line in examples] == ["glimpse"] * len(examples)


def test_the_short_page_lists_the_options_that_are_marked_and_no_name_in_vain():
    for name, (module, _) in cli.COMMANDS.items():
        command = getattr(importlib.import_module(module), name)
        for one in (command, *getattr(command, "commands", {}).values()):
            assert one.common <= {name for option in one.params for name in option.opts}
            if len(one.params) > 6:
                assert one.common


def test_traceback_shows_where_an_error_came_from(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.png").write_text("not an image")
    for name, code in (("text.png", 1), ("missing.png", 2)):
        assert cli.run(["extract", name, "-o", "out.png", "--traceback"]) == code
        assert "Traceback" in capsys.readouterr().err


def test_ctrl_c_exits_130(monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(click.Group, "main", interrupt)
    assert cli.run(["info"]) == 130
    assert capsys.readouterr().err == "glimpse: error: interrupted\n"


@pytest.mark.parametrize("arguments", ["--help", "info", "extract {0}/retina.jpg --size 9 -o {1}/x.png --json"])
def test_a_standard_output_that_is_full_or_closed_is_no_traceback(arguments, samples, tmp_path):
    command = f"{sys.executable} -m glimpsecli {arguments.format(samples, tmp_path)}"
    full = subprocess.run(
        [
            "bash",
            "-c",
            f"{command} --overwrite > /dev/full".replace("--help --overwrite", "--help").replace(
                "info --overwrite", "info"
            ),
        ],
        capture_output=True,
        text=True,
    )
    assert full.returncode == 1
    assert full.stderr.count("\n") == 1
    assert "No space left" in full.stderr
    closed = subprocess.run(["bash", "-c", f"{command} >&-".replace("x.png", "y.png")], capture_output=True, text=True)
    assert (closed.returncode, closed.stderr) == (0, "")


def test_a_closed_standard_input_is_named(tmp_path):
    command = f"{sys.executable} -m glimpsecli extract - -o {tmp_path}/x.png <&-"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "standard input is closed" in done.stderr


def test_sigterm_takes_the_half_written_file_along(tmp_path):
    code = f"""
import os, signal, sys
from glimpsecli import cli
from glimpsecli.storage import atomic
def slow(stream):
    stream.write(b"half")
    os.kill(os.getpid(), signal.SIGTERM)
cli.run = lambda arguments: atomic.place({str(tmp_path / "x.png")!r}, slow)
cli.main()"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert (done.returncode, done.stderr) == (143, b"")
    assert list(tmp_path.iterdir()) == []


def test_a_broken_pipe_says_nothing(samples):
    command = f"{sys.executable} -m glimpsecli extract {samples}/retina.jpg --format tiff -o - | head -c 10 | wc -c"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("10", "")


def test_the_choices_of_the_command_line_are_the_librarys():
    from glimpsecli import backends, maps, names
    from glimpsecli.annotations import csv_boxes, reading
    from glimpsecli.images import DEPTHS, FORMATS

    assert tuple(backends.BACKENDS) == names.BACKENDS
    assert tuple(DEPTHS) == names.DEPTHS
    assert tuple(FORMATS) == names.FORMATS
    assert tuple(maps.LAYOUTS) == names.LAYOUTS
    assert tuple(reading.FORMATS) == names.ANNOTATION_FORMATS
    assert tuple(csv_boxes.COLUMNS) == names.BOX_FORMATS


def test_info_tells_what_runs_here_and_why_something_does_not(capsys):
    assert cli.run(["info", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["glimpse"] == __version__
    assert printed["backends"]["cpu"]["available"]
    assert printed["backends"]["cpu"]["threads"] >= 1
    assert Path(printed["backends"]["cpu"]["cache_folder"]).is_dir()
    assert printed["backends"]["cpu"]["cache_writable"] is True
    assert "CUDA" in printed["backends"]["cuda"]["reason"]
    assert printed["formats"]["tiff"]["depths"] == ["8", "16", "float"]
    assert cli.run(["info"]) == 0
    text = capsys.readouterr().out
    assert "kernel cache" in text
    assert "missing: " in text


def test_a_full_disk_behind_standard_output_is_one_line():
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "glimpsecli", "bench", "--list"],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "free some space, or send it elsewhere" in done.stderr


def test_ctrl_c_is_one_line(monkeypatch, capsys):
    from glimpsecli.commands import info

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(info.info, "invoke", interrupted)
    assert cli.run(["info"]) == 130
    assert capsys.readouterr().err == "glimpse: error: interrupted\n"


@pytest.mark.parametrize(
    "line",
    [
        "extract {}", "mask {}", "compare {}", "batch {}", "paste {} --onto {}", "gradient {}",
        "overlay {} --at 50%,50% --extent 9x9",
    ],
)  # fmt: skip
def test_an_output_without_a_name_is_refused(line, samples, capsys):
    photo = str(samples / "coffee.png")
    assert cli.run([*line.format(photo, photo).split(), "-o", ""]) == 2
    assert "--output '' names nothing" in capsys.readouterr().err


LOST = """
import ctypes, signal, sys, time
from glimpsecli import cli
signal.signal(signal.SIGINT, cli._interrupter())
sys.unraisablehook = cli.send_again

@ctypes.CFUNCTYPE(None)
def callback():
    signal.raise_signal(signal.SIGINT)

callback()
try:
    time.sleep(60)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
def test_a_ctrl_c_that_a_callback_of_the_compiler_swallows_comes_again():
    done = subprocess.run([sys.executable, "-c", LOST], capture_output=True, timeout=50, check=False)
    assert (done.stdout, done.stderr) == (b"interrupted\n", b"")


def test_without_numbas_compiler_the_cpu_backend_says_so():
    run = [sys.executable, "-m", "glimpsecli", "extract", "sample_images/camera.png", "--size", "8", "--backend", "cpu"]
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run([*run, "-o", os.devnull], env=environment, capture_output=True, check=False)
    assert done.returncode == 3
    assert done.stderr.decode().count("\n") == 1
    assert "NUMBA_DISABLE_JIT" in done.stderr.decode()
