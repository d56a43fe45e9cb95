"""The photos of the examples, for people who installed the package and hold no clone."""

import pytest
from test_cli import glimpse

from glimpsecli import cli


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_samples_copies_the_photos_and_their_credits(tmp_path, samples):
    done = glimpse("samples", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, b"")
    assert contents(tmp_path / "sample_images") == contents(samples)
    assert (tmp_path / "sample_images" / "CREDITS").exists()
    assert done.stderr.decode() == f"glimpse: {len(contents(samples))} files written to sample_images\n"


def test_samples_replaces_nothing_unless_it_is_asked_to(tmp_path, samples, capsys):
    folder = tmp_path / "a" / "b"
    assert cli.run(["samples", str(folder), "-q"]) == 0
    (folder / "camera.png").unlink()
    (folder / "coffee.png").write_bytes(b"mine")
    capsys.readouterr()
    assert cli.run(["samples", str(folder)]) == 2
    said = capsys.readouterr().err
    assert "coffee.png exists already; use `--overwrite` to replace it" in said
    assert said.count("\n") == 1
    assert (folder / "coffee.png").read_bytes() == b"mine"
    assert not (folder / "camera.png").exists()  # all or nothing
    assert cli.run(["samples", str(folder), "--overwrite"]) == 0
    kept = len(contents(samples)) - 2
    assert capsys.readouterr().err == f"glimpse: 2 files written to {folder}, {kept} there already\n"
    assert contents(folder) == contents(samples)


@pytest.mark.parametrize(
    ("folder", "words"), [("", "names no folder"), ("file", "is a file"), ("file/below", "cannot be made")]
)
def test_a_folder_that_cannot_be_is_one_line(folder, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("text")
    assert cli.run(["samples", folder]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
